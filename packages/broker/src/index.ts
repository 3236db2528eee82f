export { InvalidAddress } from './address.ts'
export {
  type Broker,
  type Message,
  type Owner,
  type Position,
  type ReadOptions,
  readDefaults,
  type Topic,
  type TopicOptions,
  type Traits,
} from './broker.ts'
export { endOf } from './end-of.ts'
export {
  AppendConflict,
  BrokerUnavailable,
  Diverged,
  HintTooLarge,
  MessageRefused,
  OffsetGone,
  TopicMismatch,
} from './errors.ts'
export { type Hints, type ListenOptions, maxHintBytes } from './hints.ts'
export { readNatsAddress } from './nats/nats-address.ts'
