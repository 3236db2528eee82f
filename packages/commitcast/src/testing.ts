/**
 * For an application's own tests.
 * @module
 */
export { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
