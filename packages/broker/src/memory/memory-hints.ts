import { EventEmitter } from 'node:events'
import { aborted } from '@commitcast/worker'
import { BrokerUnavailable } from '../errors.ts'
import { checkHint, type Hints } from '../hints.ts'
import type { MemoryStorage } from './memory-log.ts'

/** Hints among the brokers of one storage. */
export function createHints(storage: MemoryStorage, closed: AbortSignal): Hints {
  const network = networkOf(storage)
  const checkOpen = () => {
    if (closed.aborted) throw new BrokerUnavailable('This memory broker was closed.')
  }
  return {
    async send(name, text) {
      checkHint(name, text)
      checkOpen()
      // Later, as a network would.
      setImmediate(() => network.emit(`hint ${name}`, text))
    },
    async listen(name, { signal, onHint }) {
      checkOpen()
      network.on(`hint ${name}`, onHint)
      await aborted(AbortSignal.any([signal, closed]))
      network.off(`hint ${name}`, onHint)
    },
  }
}

const networks = new WeakMap<MemoryStorage, EventEmitter>()

/** What the brokers of one storage notify each other through. */
function networkOf(storage: MemoryStorage): EventEmitter {
  const network = networks.get(storage) ?? new EventEmitter().setMaxListeners(0)
  networks.set(storage, network)
  return network
}
