import { open } from 'node:fs/promises'
import type { CommittedEvent } from '@commitcast/events'

/** The outside world of the handler: a file that all processes append to, in the order of what they do. */
export interface Effects {
  /** Does one event's effect: a line. */
  note(event: CommittedEvent): Promise<void>
  close(): Promise<void>
}

/** Opens the file; makes it where it is missing. */
export async function openEffects(path: string): Promise<Effects> {
  const file = await open(path, 'a')
  return {
    note: ({ id }) => file.appendFile(`${id}\n`),
    close: () => file.close(),
  }
}
