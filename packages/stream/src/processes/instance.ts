import type { Message, NotedText } from '@commitcast/events'
import type { ProcessState, TimeoutAt } from './process.ts'

/** What is known of an instance at one moment. */
export interface Instance {
  /** 1, and one more each time that a finished instance begins anew. */
  readonly incarnation: number
  readonly state: ProcessState
  /** The time-outs that are set: by name, the id of the event that fires. */
  readonly timeouts: ReadonlyMap<string, string>
  readonly isFinished: boolean
  /** How many inputs it has taken. */
  readonly taken: number
  /** How many it has ignored since it finished. */
  readonly ignored: number
}

/** An instance as it was loaded under its lock, and what has become of it since. */
export interface InstanceWork {
  readonly id: string
  readonly loaded: Instance | undefined
  /** As the last input left it. */
  now: Instance | undefined
  /** `now.state` as it will be stored; none while nothing has changed it. */
  encoded: NotedText | undefined
  /** Whether it has a parked event, behind which later ones wait. */
  isBlocked: boolean
  /** How many events are held for it. */
  held: number
  /** The time-outs that were set here, by the ids of their events. */
  readonly newTimeouts: Map<string, NewTimeout>
}

/** A time-out that a transition set: when it fires, and the headers of its event. */
interface NewTimeout {
  readonly time: TimeoutAt
  readonly headers: Message['headers']
}
