/**
 * Settings of every Postgres we start. Durability stays as in production (`fsync` is on): tests rely on it. Logical
 * decoding and two-phase commit are possible, and there is room for many pools.
 */
export const postgresSettings: Readonly<Record<string, string>> = {
  max_connections: '200',
  max_prepared_transactions: '20',
  wal_level: 'logical',
  timezone: 'UTC',
  log_timezone: 'UTC',
}
