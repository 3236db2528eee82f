import { beginningCases, type Skips } from '@commitcast/broker/contract'
import { needsNewerNats } from '../fixtures/nats-can-begin.ts'

const pooled = 'LISTEN needs a direct connection'

/** Every case of the broker contract that does not apply to an adapter, and why. The suite proves that the list is true. */
export const skips = {
  memory: {
    'a killed and restarted server keeps what it acknowledged, and readers and writers go on':
      'nothing of this broker outlives the process',
    'a reader that says that an outage keeps it from reading says when it reads again, also where nothing follows':
      'nothing of this broker outlives the process',
    'a server killed while chunks are in flight stores each message once: ask where it ends and go on':
      'nothing of this broker outlives the process',
    'a log that has begun, and what follows, outlive a kill of the server':
      'nothing of this broker outlives the process',
    'listening continues after the server was killed and restarted': 'nothing of this broker outlives the process',
  },
  postgres: {
    'messages whose bodies come near the limit are stored whole': 'a value may have 1 GB, more than the outbox takes',
    'a message over the limit is refused with its offset, and another one takes its place':
      'a value may have 1 GB, more than the outbox takes',
    'a refused message alone stores nothing, and holds no other message back':
      'a value may have 1 GB, more than the outbox takes',
    'a message of another client is reported to readers, and the message of its offset is refused':
      "a row's place is its own offset, whoever wrote it: the relay finds a stray one by its id",
  },
  /** Beside what stands under `postgres`. */
  pooledPostgres: {
    'a hint comes whole to everybody who listens to its name, in its own process and in others': pooled,
    'each listener hears a hint at most once, and only of its own name': pooled,
    'who stops listening hears nothing more; the others do': pooled,
    'a hint that some broker would not take is refused': pooled,
    'a closed broker refuses hints and ends its listening': pooled,
    'listening continues after the server was killed and restarted': pooled,
  },
  /** NATS before 2.10. */
  oldNats: Object.fromEntries(beginningCases.map((name) => [name, needsNewerNats])),
} as const satisfies Record<string, Skips>
