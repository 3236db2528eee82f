/**
 * Postgres as the broker.
 * @module
 */
export { type PostgresBrokerOptions, postgresBroker } from '@commitcast/broker/postgres'
export { type PoolLike, surviveErrors } from '@commitcast/outbox'
