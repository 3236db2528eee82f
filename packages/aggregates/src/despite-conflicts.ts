import { createBackoff } from '@commitcast/worker'
import { VersionConflict } from './version-conflict.ts'

const pauses = { firstMs: 5, maxMs: 250 }

/** Does it again where another writer came first, up to `attempts` times in all, after pauses with full jitter. */
export async function despiteConflicts<T>(
  act: () => Promise<T>,
  { attempts, signal }: { readonly attempts: number; readonly signal: AbortSignal | undefined },
): Promise<T> {
  const backoff = createBackoff(pauses)
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt >= attempts) throw error
      await backoff.wait(signal)
    }
  }
}
