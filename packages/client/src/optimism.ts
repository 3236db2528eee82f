import type { CommandIds } from '@commitcast/events'
import { commandContext } from './command-link.ts'
import { createId } from './create-id.ts'

export interface OptimisticOptions<TState, TAnswer> {
  /** The state as it is expected to become. It may meet a state that shows it already: leave that one as it is. */
  readonly expect: (state: TState) => TState
  /** Sends the command, with this as its call's `context`; `commandLink` takes its id from there. */
  readonly send: (context: { readonly command: Partial<CommandIds> }) => Promise<TAnswer>
  /** How long the answer, and after it the event, is waited for until the state is shown without it. Default 10,000. */
  readonly timeoutMs?: number
}

/**
 * Shows what a command is expected to change, over the state and over every event that comes meanwhile, until the event
 * comes whose causation id is the command's. It is taken back when the command fails, when no answer comes in time, or no
 * event after the answer: one that comes later is shown like any other. Resolves with the answer, throws what `send` throws.
 */
export type Optimistic<TState> = <TAnswer>(options: OptimisticOptions<TState, TAnswer>) => Promise<TAnswer>

interface Entry<TState> {
  readonly expect: (state: TState) => TState
  timer: ReturnType<typeof setTimeout> | undefined
  isAnswered: boolean
  isRestated: boolean
}

/** Keeps what commands are expected to change. `onChange` is called when there is something else to be shown. */
export function createOptimism<TState>(onChange: () => void) {
  const entries = new Map<string, Entry<TState>>()
  let newest: string | undefined
  const remove = (id: string) => {
    clearTimeout(entries.get(id)?.timer)
    if (entries.delete(id)) onChange()
  }
  const removeAfter = (id: string, ms: number) => {
    const entry = entries.get(id)
    if (!entry) return
    clearTimeout(entry.timer)
    entry.timer = setTimeout(() => remove(id), ms)
  }
  const show: Optimistic<TState> = async ({ expect, send, timeoutMs = 10_000 }) => {
    const id = createId()
    const entry: Entry<TState> = { expect, timer: undefined, isAnswered: false, isRestated: false }
    entries.set(id, entry)
    onChange()
    removeAfter(id, timeoutMs)
    try {
      const answer = await send(commandContext({ id, ...(newest !== undefined && { causationId: newest }) }))
      entry.isAnswered = true
      // A state that came meanwhile may show it already, and then its event never comes.
      if (entry.isRestated) remove(id)
      else removeAfter(id, timeoutMs)
      return answer
    } catch (error) {
      remove(id)
      throw error
    }
  }
  return {
    show,
    /** The state with everything that is expected, in the order in which it was asked for. */
    apply: (state: TState) => [...entries.values()].reduce((shown, { expect }) => expect(shown), state),
    /** An event came: the server sends now what its command was expected to change. */
    settle({ id, headers }: { readonly id: string; readonly headers: { readonly causationId?: string } }) {
      newest = id
      if (headers.causationId !== undefined) remove(headers.causationId)
    },
    /** A new state came, which shows what was answered before. */
    restate() {
      for (const [id, entry] of entries) {
        entry.isRestated = true
        if (entry.isAnswered) remove(id)
      }
    },
  }
}
