import { type Sample, timed } from './timed.ts'

/** Somebody's work, prepared: all that is left to do is what is measured. */
export interface Ready {
  /** Lets it go. Resolves when what it made of the last event is stored. */
  carry(): Promise<void>
  stop(): Promise<void>
}

/** Measures how long it carries, and stops it. */
export async function carryTimed(ready: Ready): Promise<Sample> {
  try {
    return await timed(ready.carry)
  } finally {
    await ready.stop()
  }
}
