import type { Envelope, ResyncReason } from '@commitcast/events'
import type { State, TortureEvent } from '../api/live-router.ts'
import { poisonKey } from '../read-side/read-side-story.ts'

/** An event that a client got. */
export interface Told {
  readonly id: string
  readonly key: string
  readonly n: number
}

/** What a client got from one beginning on: a state, or where the writers began. */
export interface Stretch {
  /** Of each key the last number that the state shows; `all` from the first event on; `unknown` after a resync. */
  readonly from: State | 'all' | 'unknown'
  readonly events: Told[]
}

/** What a subscription sends. */
export type Heard = Envelope<TortureEvent, State>

/** All that a client got. */
export interface StreamRecord {
  readonly stretches: readonly Stretch[]
  /** Whether it was ever told `live`. */
  readonly isLive: boolean
  readonly events: number
  /** How often it was told that its place was gone: because of a new epoch, a fail-over, or for another reason. */
  readonly newEpochs: number
  readonly failovers: number
  readonly resyncs: number
  /** States that came where none was due. */
  readonly strayStates: number
  take(heard: Heard): void
  /** The client forgets where it is: a state is due. */
  startOver(): void
}

/** The record of a client that has just begun. One that only follows is to get everything: begin before the writers do. */
export function createStreamRecord(kind: 'follow' | 'query'): StreamRecord {
  const stretches: Stretch[] = kind === 'follow' ? [{ from: 'all', events: [] }] : []
  const keys = new Map<string, string>()
  let [isLive, isStateDue, events, strayStates] = [false, true, 0, 0]
  const resyncs = { epoch: 0, failover: 0, cursor: 0, retention: 0 }
  /** It was told so, and has not got its new place since. */
  let isStartingOver = false

  const takeState = (state: State) => {
    if (!isStateDue) strayStates++
    isStateDue = false
    stretches.push({ from: state, events: [] })
  }
  const takeEvent = ({ id, key, data }: TortureEvent) => {
    // How much of it can be read is up to what it is.
    if (key === poisonKey) return
    // One text for all events of a key.
    if (!keys.has(key)) keys.set(key, key)
    stretches.at(-1)?.events.push({ id, key: keys.get(key)!, n: data.n })
    events++
  }
  const takeResync = (reason: ResyncReason) => {
    // A client that drops before it gets its new place is told once more.
    if (!isStartingOver || reason !== 'cursor') resyncs[reason]++
    isStartingOver = true
    isStateDue = true
    if (kind === 'follow') stretches.push({ from: 'unknown', events: [] })
  }

  return {
    stretches,
    get isLive() {
      return isLive
    },
    get events() {
      return events
    },
    get newEpochs() {
      return resyncs.epoch
    },
    get failovers() {
      return resyncs.failover
    },
    get resyncs() {
      return resyncs.cursor + resyncs.retention
    },
    get strayStates() {
      return strayStates
    },
    take(heard) {
      if (heard.kind === 'state' || heard.kind === 'event' || heard.kind === 'live') isStartingOver = false
      if (heard.kind === 'live') isLive = true
      else if (heard.kind === 'event') takeEvent(heard.event)
      else if (heard.kind === 'state') takeState(heard.state)
      else if (heard.kind === 'resync') takeResync(heard.reason)
    },
    startOver() {
      isStateDue = true
    },
  }
}
