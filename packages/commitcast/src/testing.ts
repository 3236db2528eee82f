/**
 * For an application's own tests.
 * @module
 */
export { type Given, given, type Outcome } from '@commitcast/aggregates/testing'
export { type MemoryStorage, memoryBroker } from '@commitcast/broker/memory'
export {
  type GivenProcess,
  givenProcess,
  type Happening,
  type InstanceNow,
  type ProcessOutcome,
  type TestedProcess,
  type TimePasses,
} from '@commitcast/stream/testing'
