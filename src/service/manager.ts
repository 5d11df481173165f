import type { Scope } from './definition.ts';

/** One service manager of the system, for one scope. */
export interface ServiceManager {
  readonly kind: 'systemd' | 'launchd';
  readonly scope: Scope;
  /** Where the unit is kept. */
  readonly file: string;
  /** What `install` would write there. */
  render(): Promise<string>;
  /** Throws {TunneldError} `SERVICE_UNAVAILABLE` or `SERVICE_PERMISSION` when it cannot be used. */
  assertUsable(): Promise<void>;
  /** Writes the unit, has it start with the machine (or at login), and starts it. Idempotent. */
  install(): Promise<InstallResult>;
  /** Stops it and takes the unit away. @returns whether there was one */
  uninstall(): Promise<boolean>;
  start(): Promise<void>;
  stop(): Promise<void>;
  restart(): Promise<void>;
  status(): Promise<ServiceStatus>;
  /** The program that shows the service's own log. */
  logsCommand(options: { readonly lines: number; readonly follow: boolean }): readonly [string, ...string[]];
}

export interface InstallResult {
  readonly outcome: 'installed' | 'changed' | 'unchanged';
  /** What the user should know: when it runs, and when it does not. */
  readonly hints: readonly string[];
}

export interface ServiceStatus {
  readonly installed: boolean;
  readonly running: boolean;
  /** In the manager's own words: `active (running)`. */
  readonly state: string;
  /** Starts with the machine, or at login. */
  readonly enabled: boolean;
  readonly pid?: number;
  /** What the daemon last told the manager: `3/4 healthy`. */
  readonly detail?: string;
  /** How often the manager started it again. */
  readonly restarts?: number;
}

/** Runs a program to its end. Rejects only when it could not be run at all. */
export type RunProgram = (program: string, args: readonly string[]) => Promise<ProgramResult>;

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
