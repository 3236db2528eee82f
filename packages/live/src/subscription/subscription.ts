import { checkChannels, decodeCursor, encodeCursor, type ResyncReason } from '@commitcast/events'
import type { OutageLog } from '@commitcast/worker'
import type { LiveHints } from '../hints/live-hints.ts'
import { despiteOutages } from '../hub/despite-outages.ts'
import { Follower, MustResync } from '../hub/follower.ts'
import type { Hub } from '../hub/hub.ts'
import type { Output } from '../hub/output.ts'
import type { AccessLoss } from '../permission/access-lost.ts'
import { openPermission, type Permission } from '../permission/open-permission.ts'
import { type Call, type Definition, isRedacted } from './definition.ts'
import type { StateReader } from './state-reader.ts'
import { tail } from './tail.ts'

/** What all subscriptions of a process share. */
export interface SharedParts {
  /** The hub of this process, in the topic's present epoch. */
  readonly sharedHub: () => Promise<Hub>
  readonly states: StateReader<unknown>
  /** The last offset of each partition of an epoch that was assigned before a moment. Needed where `authorize` answers `since`. */
  readonly offsetsBefore?: (epoch: number, moment: Date) => Promise<readonly number[]>
  /** Where an app declared hints: a client that follows a channel gets those of the channel, too. */
  readonly hints?: LiveHints | undefined
  /** Where it is logged that some wait and try again. */
  readonly outages: OutageLog
  /** Where it is logged, by procedure, that the application's own code throws. */
  readonly failures: OutageLog
}

export interface OpenOptions extends SharedParts {
  /** One object for all subscriptions of a procedure. */
  readonly definition: Definition
  readonly call: Call
  /** The cursor that the client came with. */
  readonly lastEventId: string | undefined
  readonly signal: AbortSignal
  /** The permission was lost. Called at most once; nothing may be sent any more. */
  readonly onLost: (loss: AccessLoss) => void
}

/** One subscription that was allowed to begin, whatever it is sent through. */
export interface Subscription {
  /** The cursor of a client that has received nothing of this subscription yet, to reconnect with. */
  readonly firstCursor: string
  /**
   * Sends all there is to send until the signal aborts. It never ends before, and never rejects for trouble that passes: a
   * client would not reconnect.
   */
  run(output: Output): Promise<void>
}

/** The cursor of a client that came without one and has got nothing yet: it begins anew. */
const startCursor = 'start'
/** No cursor at all: a client that drops before it received the state has to get `resync` again. */
const resyncCursor = 'resync'

/** Begins a subscription: finds the hub and asks whether it may. `undefined` when the signal aborted first. */
export async function openSubscription(options: OpenOptions): Promise<Subscription | undefined> {
  const { call, lastEventId, sharedHub, signal } = options
  const hub = await despiteOutages(sharedHub, options)
  if (!hub) return undefined
  const permission = await openPermission({ ...options, hub })
  if (signal.aborted) return undefined
  const channels = checkChannels(options.definition.channels(call), 'channels() of a subscription')
  const redacts = isRedacted(options.definition, call)
  return {
    firstCursor: firstCursorOf(lastEventId),
    run: (output) => run({ ...options, permission, channels, isRedacted: redacts, output }, hub),
  }
}

interface Running extends OpenOptions {
  readonly permission: Permission
  readonly channels: readonly string[]
  readonly isRedacted: boolean
  readonly output: Output
}

/** A follower in one epoch of the topic. */
interface Position {
  readonly hub: Hub
  readonly follower: Follower
}

async function run(running: Running, hub: Hub): Promise<void> {
  const { signal, lastEventId } = running
  let position: Position | undefined = positionIn(hub, running)
  let isFresh = lastEventId === undefined || lastEventId.startsWith(startCursor)
  let resync = isFresh ? undefined : await resume(position, lastEventId, running)
  while (!signal.aborted) {
    if (resync !== undefined || isFresh) {
      position = await startOver(position, resync, running)
      if (!position) return
    }
    isFresh = false
    running.failures.ended(running.definition)
    const stopHints = sendHints(position, running)
    try {
      resync = await tail({ ...running, ...position })
    } finally {
      stopHints?.()
    }
  }
}

function positionIn(hub: Hub, { channels, isRedacted, signal, definition: { types } }: Running): Position {
  return { hub, follower: new Follower({ hub, channels, types, isRedacted, signal }) }
}

/** Continues at the client's cursor, where that can be done. */
async function resume(
  { hub, follower }: Position,
  lastEventId: string | undefined,
  running: Running,
): Promise<ResyncReason | undefined> {
  const cursor = decodeCursor(lastEventId)
  if (!cursor) return 'cursor'
  const seek = async () => {
    const hidden = cursor.epoch === hub.topic.epoch ? await hiddenUpTo(cursor.epoch, running) : []
    if (hidden.some((offset, partition) => (cursor.offsets[partition] ?? 0) < offset)) throw new MustResync('cursor')
    await follower.seek(cursor)
  }
  try {
    await despiteOutages(seek, running)
    return undefined
  } catch (error) {
    if (error instanceof MustResync) return error.reason
    throw error
  }
}

/** Up to which offset of each partition the client may see nothing; empty where it may see all. */
async function hiddenUpTo(
  epoch: number,
  { permission: { since }, offsetsBefore }: Running,
): Promise<readonly number[]> {
  if (!since) return []
  if (!offsetsBefore)
    throw new TypeError('authorize answered "since", and these subscriptions have no "offsetsBefore".')
  return offsetsBefore(epoch, since)
}

/**
 * Starts at the present, in whatever epoch that is, with the state where there is one. A client that has to resync is
 * notified before its state, and without a state once its position is known: what it loads then is no older.
 * `undefined` when the signal aborted.
 */
async function startOver(
  from: Position,
  resync: ResyncReason | undefined,
  running: Running,
): Promise<Position | undefined> {
  const { sharedHub, signal, permission, definition, output } = running
  const sendResync = () => {
    if (resync !== undefined && !signal.aborted) output.send(resyncCursor, { kind: 'resync', reason: resync })
  }
  await room(output, signal)
  if (definition.state) sendResync()
  for (let position = from; ; ) {
    if (!position.hub.hasEnded && (await begin(position, running))) {
      if (!definition.state) sendResync()
      return signal.aborted ? undefined : position
    }
    const hub = await despiteOutages(sharedHub, running)
    if (!hub || signal.aborted) return undefined
    permission.moveTo(hub)
    position = positionIn(hub, running)
  }
}

/**
 * Moves the follower to the present. Without a state that is where the topic ends, which only the broker knows: the hub may
 * be behind. A state's own snapshot hides what is older. Says whether the hub is still that of the topic's epoch.
 */
async function begin(position: Position, running: Running): Promise<boolean> {
  const { hub, follower } = position
  const { definition, signal } = running
  follower.seekEnd()
  if (definition.state) return sendState(position, definition.state, running)
  const seek = async () => {
    const ends = hub.hasEnded ? hub.heads : await hub.ends()
    // What was assigned before the permission began may still be on its way here.
    const hidden = await hiddenUpTo(hub.topic.epoch, running)
    return ends.map((end, partition) => Math.max(end, hidden[partition] ?? 0))
  }
  const ends = await despiteOutages(seek, running)
  if (!ends || signal.aborted) return true
  follower.skipTo(ends)
  return !hub.hasEnded
}

/**
 * Sends the state. The follower has its position before the state is read, so nothing is missed. Says whether the hub is still that of
 * the topic's epoch.
 */
async function sendState(
  { hub, follower }: Position,
  state: NonNullable<Definition['state']>,
  running: Running,
): Promise<boolean> {
  const { call, states, signal, output } = running
  const reading = await despiteOutages(
    () => states.read((trx) => state({ ctx: call.ctx, input: call.input, trx })),
    running,
  )
  if (!reading || signal.aborted) return true
  hub.endUnlessIn(reading.epoch)
  if (hub.hasEnded) return false
  follower.skipVisible(reading.snapshot, reading.timeline)
  await room(output, signal)
  if (!signal.aborted) output.send(follower.cursor(), { kind: 'state', state: reading.state })
  return true
}

/**
 * Sends the hints of the channels while there is room for them. A hint has a cursor like everything else: the place that
 * the client has come to, and what makes it this hint's.
 */
function sendHints({ follower }: Position, { hints, channels, output }: Running): (() => void) | undefined {
  return hints?.attach(channels, (hint) => {
    if (output.hasRoom()) output.send(`${follower.cursor()}~${hint.id}`, { kind: 'hint', hint })
  })
}

/** Waits until the output has room, or the signal aborts. */
async function room(output: Output, signal: AbortSignal): Promise<void> {
  while (!output.hasRoom() && !signal.aborted) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const leave = () => resolve()
    signal.addEventListener('abort', leave, { once: true })
    const stopWaiting = output.whenRoom(leave)
    await promise
    stopWaiting()
    signal.removeEventListener('abort', leave)
  }
}

function firstCursorOf(lastEventId: string | undefined): string {
  if (lastEventId === undefined || lastEventId.startsWith(startCursor)) return startCursor
  const cursor = decodeCursor(lastEventId)
  return cursor ? encodeCursor(cursor) : resyncCursor
}
