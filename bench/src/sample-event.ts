/** The event that every contender carries: about 300 bytes of JSON, one of 500 keys, 8 partitions. */
export const payload = JSON.stringify({ customerId: 'c-1', note: 'x'.repeat(260) })
export const type = 'order.placed'
export const keys = 500
export const partitions = 8

/** In SQL: the key of the `n`-th event. */
export const keyOfN = `'key-' || n % ${keys}`
