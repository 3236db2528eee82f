/** What one part of a process reports about itself. */
export interface Health {
  /** Whether it does its work; an outage that it waits out makes it false. */
  readonly ready: boolean
  readonly [detail: string]: unknown
}
