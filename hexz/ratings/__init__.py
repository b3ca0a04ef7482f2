"""What results say about the strength of players: statistics, ratings, learning curves."""
