import { testBroker } from '@commitcast/broker/contract'
import { logName, type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
import { skips } from './skips.ts'

testBroker(
  'memory',
  () => {
    const storage: MemoryStorage = new Map()
    return {
      open: () => memoryBroker(storage, { maxMessageBytes: 100_000 }),
      damage: {
        async trim({ topic, partition }, offset) {
          const log = storage.get(logName(topic, partition))!
          log.messages.splice(0, offset - log.forgotten)
          log.forgotten = offset
        },
        async remove({ topic, partition }, offset) {
          const { messages, forgotten } = storage.get(logName(topic, partition))!
          messages[offset - forgotten - 1] = undefined
        },
        async intrude({ topic, partition }) {
          const { messages } = storage.get(logName(topic, partition))!
          messages.push({ ...messages.at(-1)!, offset: 1, id: 'stray' })
        },
      },
    }
  },
  skips.memory,
)
