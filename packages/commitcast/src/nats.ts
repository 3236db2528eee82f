/**
 * NATS JetStream as the broker. Needs the package `nats`.
 * @module
 */
export { type NatsBrokerOptions, natsBroker } from '@commitcast/broker/nats'
