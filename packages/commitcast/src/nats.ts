export { type NatsBrokerOptions, natsBroker } from '@commitcast/broker/nats'
