import type pg from 'pg'

export const tables = `
  create table job (id text primary key, state json not null, done boolean not null default false);
  create table job_timeout (id text primary key, at timestamptz not null);
  create table job_offset (single boolean primary key default true, "offset" bigint not null);
  insert into job_offset ("offset") values (0)`

/** The same transitions, each in a transaction of its own on one connection. Returns the seconds that they took. */
export async function handWritten(pool: pg.Pool, instances: number): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query('truncate job, job_timeout')
    const startedAt = performance.now()
    for (let n = 1; n <= instances; n++) {
      await began(client, `job ${n}`, n)
      await ended(client, `job ${n}`, n)
    }
    return (performance.now() - startedAt) / 1_000
  } finally {
    client.release()
  }
}

async function began(client: pg.PoolClient, key: string, n: number): Promise<void> {
  await client.query('begin')
  const { rowCount } = await client.query('select state from job where id = $1 for update', [key])
  if (rowCount === 0) {
    await client.query('insert into job (id, state) values ($1, $2)', [key, JSON.stringify({ status: 'running', n })])
    await client.query(`insert into job_timeout (id, at) values ($1, now() + interval '1 hour')`, [key])
    await append(client, key, n)
  }
  await commit(client)
}

async function ended(client: pg.PoolClient, key: string, n: number): Promise<void> {
  await client.query('begin')
  await client.query('select state from job where id = $1 for update', [key])
  await client.query('update job set state = $2, done = true where id = $1', [key, JSON.stringify({ status: 'done' })])
  await client.query('delete from job_timeout where id = $1', [key])
  await append(client, key, n)
  await commit(client)
}

async function append(client: pg.PoolClient, key: string, n: number): Promise<void> {
  await client.query(`select commitcast.append('job.noted', $1, $2)`, [key, JSON.stringify({ n })])
}

async function commit(client: pg.PoolClient): Promise<void> {
  await client.query('update job_offset set "offset" = "offset" + 1')
  await client.query('commit')
}
