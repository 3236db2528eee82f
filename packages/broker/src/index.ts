export type { Broker, Message, Position, ReadOptions, Topic, TopicOptions, Traits } from './broker.ts'
export { endOf } from './end-of.ts'
export { AppendConflict, BrokerUnavailable, Diverged, MessageRefused, OffsetGone, TopicMismatch } from './errors.ts'
