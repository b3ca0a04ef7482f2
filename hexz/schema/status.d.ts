// Written by `make reference` from hexz/schema; change it there.

export interface ServerStatus {
  version: string;
  model_name: string;
  store: string;
  ready: boolean;
  uptime_seconds: number;
  checkpoint: number | null;
  problems: Array<string>;
  examples: ExampleCounts;
  journal: JournalStatus;
  training: TrainingStatus;
  limit: LimitStatus | null;
  settings: WorkerSettings | null;
  now: string;
  next_checkpoint_seconds: number | null;
  game: WatchedGame | null;
  can_play: boolean;
  workers: Array<WorkerStatus>;
  evaluations_per_second: number;
  conduct: Array<WorkerConduct>;
  checkpoints: Array<CheckpointStatus>;
  strength: StrengthStatus | null;
}

export interface ExampleCounts {
  accepted: number;
  per_second: number;
  duplicates: number;
  refused: Record<string, number | undefined>;
  last_refusal: string | null;
  trained: number | null;
}

export interface JournalStatus {
  waiting: number;
  open_batch: number;
  sealed_batches: number;
  minibatch_size: number;
  max_backlog: number;
}

export interface TrainingStatus {
  activity: "idle" | "paused" | "saving" | "starting" | "training";
  unsaved: number;
  progress: Progress | null;
  failure: string | null;
  failures: number;
  store_problem: string | null;
  redis_problem: string | null;
}

export interface Progress {
  batch: number;
  step: number;
  steps: number;
  seconds: number;
  loss: number | null;
}

export interface LimitStatus {
  part: "nothing" | "server" | "store" | "trainer" | "workers";
  text: string;
  workers_waiting: number;
  trainer_waiting: number;
  trainer_saving: number;
}

export interface WorkerSettings {
  games_per_process: number;
  post: "auto" | "examples" | "games";
  search: SearchSettings;
}

export interface SearchSettings {
  algorithm: "gumbel" | "puct";
  simulations: number;
  full_search_share: number;
  fast_simulations: number;
  explore: boolean;
  c_init: number;
  c_base: number;
  fpu_reduction: number;
  dirichlet_total: number;
  dirichlet_fraction: number;
  temperature: number;
  temperature_moves: number;
  max_considered: number;
  fast_considered: number;
  c_visit: number;
  c_scale: number;
}

export interface WatchedGame {
  board: string;
  moves: Array<number>;
  worker: string;
  checkpoint: number | null;
}

export interface WorkerStatus {
  worker: string;
  version: string;
  model_name: string;
  checkpoint: number | null;
  device: string;
  processes: number;
  games: number;
  evaluations: number;
  examples: number;
  pending: number;
  seconds: number;
  waited: number;
  evaluations_per_second: number;
  last_seen_seconds: number;
}

export interface WorkerConduct {
  worker: string;
  state: "new" | "ordinary" | "quarantined" | "released";
  reason: string | null;
  since: number | null;
  games: number;
  copies: number;
  per_second: number;
  set_aside: number;
  figures: Record<string, Comparison | undefined>;
}

export interface Comparison {
  own: number;
  fleet: number;
}

export interface CheckpointStatus {
  number: number;
  unix_seconds: number;
  bytes: number;
  examples: number | null;
  losses: Record<string, number | undefined>;
  held_out_losses: Record<string, number | undefined>;
  policy_entropy: number | null;
  window_size: number | null;
  positions_per_second: number | null;
}

export interface StrengthStatus {
  player: string;
  anchor: string;
  checkpoints: Array<CheckpointElo>;
}

export interface CheckpointElo {
  value: number;
  low: number;
  high: number;
  number: number;
  examples: number | null;
}
