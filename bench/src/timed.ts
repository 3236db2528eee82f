/** One piece of work that was measured. */
export interface Sample {
  readonly seconds: number
  /** Of this process: its own code and the client libraries, not Postgres or NATS. */
  readonly cpuSeconds: number
}

/** Measures how long `act` takes, and how much of this process's CPU. */
export async function timed(act: () => Promise<void>): Promise<Sample> {
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  await act()
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}
