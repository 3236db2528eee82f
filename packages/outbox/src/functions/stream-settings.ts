/** A plan is kept for as long as its connection lives: one that was made while the tables were small would read all of them later. */
export const streamSettings = 'set jit = off set enable_seqscan = off set enable_bitmapscan = off'
