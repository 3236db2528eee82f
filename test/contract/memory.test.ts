import { testBroker } from '@commitcast/broker/contract'
import { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'

testBroker('memory', () => {
  const storage: MemoryStorage = new Map()
  return { open: () => memoryBroker(storage) }
})
