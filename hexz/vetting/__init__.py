"""Who may post to a train server, and whether workers play like the fleet."""
