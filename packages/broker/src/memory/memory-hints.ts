import { EventEmitter } from 'node:events'
import { aborted } from '@commitcast/worker'
import { BrokerUnavailable } from '../errors.ts'
import { checkHint, type Hints } from '../hints.ts'
import type { MemoryStorage } from './memory-broker.ts'

/** Hints among the brokers of one storage. */
export function createHints(storage: MemoryStorage, closed: AbortSignal): Hints {
  const air = airOf(storage)
  const checkOpen = () => {
    if (closed.aborted) throw new BrokerUnavailable('This memory broker was closed.')
  }
  return {
    async send(name, text) {
      checkHint(name, text)
      checkOpen()
      // Later, as a network would.
      setImmediate(() => air.emit(`hint ${name}`, text))
    },
    async listen(name, { signal, onHint }) {
      checkOpen()
      air.on(`hint ${name}`, onHint)
      await aborted(AbortSignal.any([signal, closed]))
      air.off(`hint ${name}`, onHint)
    },
  }
}

const airs = new WeakMap<MemoryStorage, EventEmitter>()

/** What the brokers of one storage hear each other through. */
function airOf(storage: MemoryStorage): EventEmitter {
  const air = airs.get(storage) ?? new EventEmitter().setMaxListeners(0)
  airs.set(storage, air)
  return air
}
