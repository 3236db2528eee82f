import { type FollowStatus, follow } from './follow.ts'
import type { FollowError } from './follow-error.ts'
import type { EventOf, HintOf, InputOf, LiveProcedure, StateOf } from './live-procedure.ts'
import { logFailure } from './log-failure.ts'
import { nextFrame } from './next-frame.ts'
import { notifyAll } from './notify-all.ts'
import { createOptimism, type Optimistic } from './optimism.ts'
import { pageConnection } from './page-connection.ts'
import { type Reducers, reduce } from './reducers.ts'

/** What a screen shows of a state-first subscription. */
export interface LiveView<TState> {
  /** `undefined` until the first state came. */
  readonly state: TState | undefined
  readonly status: FollowStatus
  /** Why the server refused the subscription. */
  readonly error?: unknown
}

/** A state-first subscription as a value that changes at most once per frame. */
export interface LiveStore<TState> {
  /** The same object until something changes. */
  view(): LiveView<TState>
  /** Follows while there is a listener; calls `listener` after each change, until the returned function is called. */
  subscribe(listener: () => void): () => void
  /** Shows what a command is expected to change, until its event is there. See `Optimistic`. */
  readonly optimistic: Optimistic<TState>
}

interface Around {
  readonly headers: { readonly time: string; readonly causationId?: string }
  readonly id: string
}

/**
 * Makes a store of a state-first subscription: the state that the server sends, then each event through its reducer, once,
 * in order per key. `parts` is asked each time for what is newest, so that reducers may change. A reducer that throws
 * ends it: `view()` throws the error from then on.
 */
export function createLiveStore<TProcedure extends LiveProcedure>(
  parts: () => {
    readonly procedure: TProcedure
    readonly input: InputOf<TProcedure>
    readonly reducers: NoInfer<Reducers<StateOf<TProcedure>, EventOf<TProcedure>>>
    readonly onHint?: ((hint: HintOf<TProcedure>) => void) | undefined
    /** As `follow` calls it. */
    readonly onFailure?: ((failure: FollowError) => void) | undefined
  },
): LiveStore<StateOf<TProcedure>> {
  type State = StateOf<TProcedure>
  const listeners = new Set<() => void>()
  let received: { readonly state: State } | undefined
  let next: Omit<LiveView<State>, 'state'> = { status: 'connecting' }
  let view: LiveView<State> = { state: undefined, ...next }
  let broken: { readonly error: unknown } | undefined
  let cancelFrame: (() => void) | undefined
  let stop: (() => void) | undefined

  const publish = () => {
    cancelFrame = undefined
    guarded(() => {
      view = { state: received && optimism.apply(received.state), ...next }
    })
    pageConnection.publish()
    notifyAll(listeners)
  }
  const change = () => {
    cancelFrame ??= nextFrame(publish)
  }
  /** What fails here is the application's own code, and is thrown to the component that renders. */
  const guarded = (act: () => void) => {
    try {
      act()
    } catch (error) {
      broken ??= { error }
      stop?.()
    }
  }
  const optimism = createOptimism<State>(change)

  const start = () => {
    const part = pageConnection.join()
    const { procedure, input } = parts()
    const end = follow(procedure, input, {
      onState(state) {
        received = { state }
        optimism.restate()
        change()
      },
      onEvent(event) {
        const around = event as Around
        part.event(around)
        if (received === undefined) return
        const { state } = received
        guarded(() => {
          received = { state: reduce(parts().reducers, state, event) }
        })
        optimism.settle(around)
        change()
      },
      onHint: (hint) => parts().onHint?.(hint),
      onFailure: (failure) => (parts().onFailure ?? logFailure)(failure),
      onResync: () => part.resync(),
      onStatus(status) {
        part.status(status)
        next = { status }
        change()
      },
      onError(error) {
        next = { ...next, error }
        change()
      },
    })
    return () => {
      end()
      part.leave()
      cancelFrame?.()
      cancelFrame = undefined
    }
  }

  return {
    view() {
      if (broken) throw broken.error
      return view
    },
    subscribe(listener) {
      listeners.add(listener)
      stop ??= start()
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        stop?.()
        stop = undefined
      }
    },
    optimistic: optimism.show,
  }
}
