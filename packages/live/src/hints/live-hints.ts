import { randomUUID } from 'node:crypto'
import { BrokerUnavailable, type Hints } from '@commitcast/broker'
import { checkChannels, type Hint, type HintCatalog, InvalidHint, InvalidValue } from '@commitcast/events'
import { createOutageLog, type Logger, untilItWorks } from '@commitcast/worker'
import { createHintRate } from './hint-rate.ts'
import { readHint, writeHint } from './hint-text.ts'

export interface LiveHintsOptions {
  /** The broker's. */
  readonly hints: Hints
  readonly catalog: HintCatalog
  /** What all processes of an app send and receive hints under: `shop-hints`. */
  readonly name: string
  /** How many a sender may send through this process in a second, and at once after a rest. Default 10. */
  readonly perSecond?: number
  /** Ends the listening. */
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** Hints of a process: those that it sends, and those of all processes, by channel. Nothing of them is kept. */
export interface LiveHints {
  /**
   * Sends it to the clients that follow its channel now, in all processes. `false` where it was left out, because its sender sends
   * too many or the broker can't be reached. Throws `InvalidHint`, `InvalidChannel` and `HintTooLarge`.
   */
  send(hint: Omit<Hint, 'id'>): Promise<boolean>
  /** Calls `onHint` for each hint on one of these channels, until the returned function is called. */
  attach(channels: readonly string[], onHint: (hint: Hint) => void): () => void
}

export function createLiveHints(options: LiveHintsOptions): LiveHints {
  const { hints, catalog, name, perSecond = 10, signal, logger } = options
  if (!(perSecond >= 1)) throw new RangeError(`hintsPerSecond is ${perSecond}: give a number from 1 on.`)
  const rate = createHintRate({ perSecond })
  const listeners = new Map<string, Set<(hint: Hint) => void>>()
  let isListening = false
  const receiving = createOutageLog({
    logger,
    code: 'HINTS_NOT_RECEIVED',
    began: 'hints cannot be received, so clients miss them',
    ended: 'hints are received again',
  })
  const sending = createOutageLog({
    logger,
    code: 'HINT_LOST',
    began: 'a hint was lost',
    ended: 'hints are sent again',
  })

  const onHint = (text: string) => {
    receiving.ended()
    const hint = readHint(text)
    // One that a newer process knows is nothing to this one's clients.
    if (!hint || !Object.hasOwn(catalog.definitions, hint.type)) return
    for (const listener of listeners.get(hint.channel) ?? []) listener(hint)
  }
  const listen = () =>
    untilItWorks(() => hints.listen(name, { signal, onHint }), {
      signal,
      onError: (error) => receiving.failed(error),
    })

  return {
    async send({ channel, type, sender, data }) {
      checkChannels([channel], 'cast.hint()')
      if (typeof sender !== 'string') {
        throw new InvalidHint(`cast.hint: "sender" is ${String(sender)}; give a text, such as the id of its user.`)
      }
      const checked = await catalog.validate(type, data)
      const text = textOf({ id: randomUUID(), channel, type, sender, data: checked })
      if (!rate.take(sender)) return false
      try {
        await hints.send(name, text)
        sending.ended()
        return true
      } catch (error) {
        if (!(error instanceof BrokerUnavailable)) throw error
        sending.failed(error)
        return false
      }
    },
    attach(channels, listener) {
      if (!isListening) void listen()
      isListening = true
      for (const channel of channels) listeners.set(channel, (listeners.get(channel) ?? new Set()).add(listener))
      return () => {
        for (const channel of channels) removeListener(listeners, channel, listener)
      }
    },
  }
}

function removeListener<T>(listeners: Map<string, Set<T>>, channel: string, listener: T): void {
  const set = listeners.get(channel)
  set?.delete(listener)
  if (set?.size === 0) listeners.delete(channel)
}

function textOf(hint: Hint): string {
  try {
    return writeHint(hint)
  } catch (cause) {
    if (!(cause instanceof InvalidValue)) throw cause
    throw new InvalidHint(`The data of the hint "${hint.type}" can't be sent: ${cause.describe('data')}`, { cause })
  }
}
