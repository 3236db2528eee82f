import { checkChannels, decodeCursor, encodeCursor, type ResyncReason } from '@commitcast/events'
import type { Transaction } from 'kysely'
import { cursorOf } from './cursors/call-cursor.ts'
import { Follower, MustResync } from './follower.ts'
import type { AccessLoss } from './guards/access-lost.ts'
import { openPermission, type Permission } from './guards/open-permission.ts'
import type { Hub } from './hub.ts'
import type { Output } from './output/output.ts'
import { patiently } from './patiently.ts'
import type { FollowOptions, QueryOptions, ResolverOptions, SharedParts } from './subscriptions.ts'
import { tail } from './tail.ts'

export interface SubscriptionOptions<TContext, TInput, TDatabase, TState>
  extends SharedParts<TDatabase>,
    FollowOptions<TContext, TInput> {
  /** What comes first; none where only events are followed. */
  readonly state?: QueryOptions<TContext, TInput, TDatabase, TState>['state']
  /** What it was defined with: one object for all subscriptions of a procedure. */
  readonly procedure: object
  readonly call: ResolverOptions<TContext, TInput>
  readonly signal: AbortSignal
  /** It may not go on. Called at most once; nothing may be sent any more. */
  readonly onLost: (loss: AccessLoss) => void
}

/** One subscription that was allowed to begin, whatever it is sent through. */
export interface Subscription {
  /** The place of a client that has got nothing of this subscription yet, to come back with. */
  readonly firstCursor: string
  /** What has to stand at the end of each cursor that tRPC yields. */
  readonly tag: string | undefined
  /**
   * Sends all there is to send until the signal aborts. It never ends before, and never rejects for trouble that passes: a
   * client would not come back.
   */
  run(output: Output): Promise<void>
}

/** The cursor of a client that came without one and has got nothing yet: it begins anew. */
const startCursor = 'start'
/** No cursor at all: a client that drops before it got the state must be told to resync again. */
const resyncCursor = 'resync'

/** Begins a subscription: finds the hub and asks whether it may. `undefined` when the signal aborted first. */
export async function openSubscription<TContext, TInput, TDatabase, TState>(
  options: SubscriptionOptions<TContext, TInput, TDatabase, TState>,
): Promise<Subscription | undefined> {
  const { call, sharedHub, signal } = options
  const { cursor: lastEventId, tag } = await cursorOf(call)
  const hub = await patiently(sharedHub, options)
  if (!hub) return undefined
  const permission = await openPermission({ ...options, hub })
  if (signal.aborted) return undefined
  const channels = checkChannels(options.channels(call), 'channels() of a subscription')
  return {
    firstCursor: firstCursorOf(lastEventId),
    tag,
    run: (output) => run({ ...options, permission, channels, output }, { hub, lastEventId }),
  }
}

interface Running<TContext, TInput, TDatabase, TState>
  extends Omit<SubscriptionOptions<TContext, TInput, TDatabase, TState>, 'channels'> {
  readonly permission: Permission
  readonly channels: readonly string[]
  readonly output: Output
}

/** A follower in one epoch of the topic. */
interface Place {
  readonly hub: Hub
  readonly follower: Follower
}

async function run<TContext, TInput, TDatabase, TState>(
  running: Running<TContext, TInput, TDatabase, TState>,
  start: { readonly hub: Hub; readonly lastEventId: string | undefined },
): Promise<void> {
  const { signal } = running
  let place: Place | undefined = placeIn(start.hub, running)
  let isFresh = start.lastEventId === undefined || start.lastEventId.startsWith(startCursor)
  let resync = isFresh ? undefined : await resume(place, start.lastEventId, running)
  while (!signal.aborted) {
    if (resync !== undefined || isFresh) {
      place = await startOver(place, resync, running)
      if (!place) return
    }
    isFresh = false
    running.failures.ended(running.procedure)
    const stopHints = sendHints(place, running)
    try {
      resync = await tail({ ...running, ...place })
    } finally {
      stopHints?.()
    }
  }
}

function placeIn<TContext, TInput, TDatabase, TState>(
  hub: Hub,
  { channels, signal }: Running<TContext, TInput, TDatabase, TState>,
): Place {
  return { hub, follower: new Follower({ hub, channels, signal }) }
}

/** Continues at the client's cursor, where that can be done. */
async function resume<TContext, TInput, TDatabase, TState>(
  { hub, follower }: Place,
  lastEventId: string | undefined,
  running: Running<TContext, TInput, TDatabase, TState>,
): Promise<ResyncReason | undefined> {
  const cursor = decodeCursor(lastEventId)
  if (!cursor) return 'cursor'
  const seek = async () => {
    const hidden = cursor.epoch === hub.topic.epoch ? await hiddenUpTo(cursor.epoch, running) : []
    if (hidden.some((offset, partition) => (cursor.offsets[partition] ?? 0) < offset)) throw new MustResync('cursor')
    await follower.seek(cursor)
  }
  try {
    await patiently(seek, running)
    return undefined
  } catch (error) {
    if (error instanceof MustResync) return error.reason
    throw error
  }
}

/** Up to which offset of each partition the client may see nothing; empty where it may see all. */
async function hiddenUpTo<TContext, TInput, TDatabase, TState>(
  epoch: number,
  { permission: { since }, offsetsBefore }: Running<TContext, TInput, TDatabase, TState>,
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
async function startOver<TContext, TInput, TDatabase, TState>(
  from: Place,
  resync: ResyncReason | undefined,
  running: Running<TContext, TInput, TDatabase, TState>,
): Promise<Place | undefined> {
  const { sharedHub, signal, permission, state, output } = running
  const sendResync = () => {
    if (resync !== undefined && !signal.aborted) output.send(resyncCursor, { kind: 'resync', reason: resync })
  }
  await room(output, signal)
  if (state) sendResync()
  for (let place = from; ; ) {
    if (!place.hub.hasEnded && (await begin(place, running))) {
      if (!state) sendResync()
      return signal.aborted ? undefined : place
    }
    const hub = await patiently(sharedHub, running)
    if (!hub || signal.aborted) return undefined
    permission.moveTo(hub)
    place = placeIn(hub, running)
  }
}

/**
 * Moves the follower to the present. Without a state that is where the topic ends, which only the broker knows: the hub may
 * be behind. A state's own snapshot hides what is older. Says whether the hub is still that of the topic's epoch.
 */
async function begin<TContext, TInput, TDatabase, TState>(
  place: Place,
  running: Running<TContext, TInput, TDatabase, TState>,
): Promise<boolean> {
  const { hub, follower } = place
  const { state, signal } = running
  follower.seekEnd()
  if (state) return sendState(place, { ...running, state })
  const seek = async () => {
    const ends = hub.hasEnded ? hub.heads : await hub.ends()
    // What was assigned before the permission began may still be on its way here.
    const hidden = await hiddenUpTo(hub.topic.epoch, running)
    return ends.map((end, partition) => Math.max(end, hidden[partition] ?? 0))
  }
  const ends = await patiently(seek, running)
  if (!ends || signal.aborted) return true
  follower.skipTo(ends)
  return !hub.hasEnded
}

/**
 * Sends the state. The follower stands before the state is read, so nothing is missed. Says whether the hub is still that of
 * the topic's epoch.
 */
async function sendState<TContext, TInput, TDatabase, TState>(
  { hub, follower }: Place,
  running: Running<TContext, TInput, TDatabase, TState> &
    Pick<QueryOptions<TContext, TInput, TDatabase, TState>, 'state'>,
): Promise<boolean> {
  const { call, state, states, signal, output } = running
  const load = (trx: Transaction<TDatabase>) => state({ ctx: call.ctx, input: call.input, trx })
  const reading = await patiently(() => states.read(load), running)
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
function sendHints<TContext, TInput, TDatabase, TState>(
  { follower }: Place,
  { hints, channels, output }: Running<TContext, TInput, TDatabase, TState>,
): (() => void) | undefined {
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
