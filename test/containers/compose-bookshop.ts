import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { getContainerRuntimeClient, getReaper } from 'testcontainers'
import { docker } from './docker.ts'

type Scaled = 'relay' | 'stream'

/** The bookshop as docker-compose.yml has it, in a project of its own. */
export interface ComposedBookshop extends AsyncDisposable {
  readonly apiUrl: string
  readonly databaseUrl: string
  readonly natsUrl: string
  /** Resolves when so many containers of each service named run, healthy or not yet; other services stay as they are. */
  scale(replicas: Partial<Readonly<Record<Scaled, number>>>): Promise<void>
  /** Kills one container of a service as `docker kill` does; it stays dead until the service is scaled. */
  killOne(service: Scaled): Promise<void>
}

const files = ['../../docker-compose.yml', './published-servers.yml'].flatMap((file) => [
  '--file',
  fileURLToPath(new URL(file, import.meta.url)),
])

/** Starts it from `image`; resolves when all of it is healthy. Leaves nothing when it fails. Needs Docker Compose 2. */
export async function composeBookshop(image: string): Promise<ComposedBookshop> {
  const project = `commitcast-test-${randomUUID().slice(0, 8)}`
  const environment = { COMMITCAST_IMAGE: image, API_PORT: '0', WEB_PORT: '0', LOG_LEVEL: 'warn' }
  const compose = (...words: string[]) =>
    docker(['compose', '--project-name', project, ...files, ...words], environment)
  const addressOf = (service: string, port: number) => compose('port', service, String(port))
  const up = (...words: string[]) =>
    compose('up', '--detach', '--no-build', ...words).catch(async (error) => {
      throw new Error(`${error.message}\n${await lastWords()}`, { cause: error })
    })
  const lastWords = async () => {
    const ids = (await compose('ps', '--all', '--quiet')).split('\n')
    const health = await docker(['inspect', '--format', '{{.Name}} {{json .State.Health}}', ...ids])
    return `${health}\n${await compose('logs', '--tail', '15')}`
  }

  ;(await getReaper(await getContainerRuntimeClient())).addComposeProject(project)
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => void (await compose('down', '--volumes', '--timeout', '10')))
  await up('--wait')
  const [api, postgres, nats] = await Promise.all([
    addressOf('api', 3000),
    addressOf('postgres', 5432),
    addressOf('nats', 4222),
  ])
  const running = stack.move()
  return {
    apiUrl: `http://${api}`,
    databaseUrl: `postgres://postgres:${process.env.POSTGRES_PASSWORD || 'bookshop'}@${postgres}/bookshop`,
    natsUrl: `nats://${nats}`,
    async scale(replicas) {
      const scales = Object.entries(replicas).flatMap(([service, count]) => ['--scale', `${service}=${count}`])
      // Without --wait: a relay that takes partitions over is not ready, and three checks of that end the wait with an error.
      await up('--no-deps', '--no-recreate', ...scales, ...Object.keys(replicas))
    },
    async killOne(service) {
      const [id] = (await compose('ps', '--quiet', service)).split('\n')
      await docker(['kill', id!])
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
