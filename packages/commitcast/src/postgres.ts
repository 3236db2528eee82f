export { type PostgresBrokerOptions, postgresBroker } from '@commitcast/broker/postgres'
