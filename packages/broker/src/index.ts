export type { Broker, Message, Position, ReadOptions, Topic, TopicOptions } from './broker.ts'
export { AppendConflict, BrokerUnavailable, Diverged, OffsetGone, TopicMismatch } from './errors.ts'
