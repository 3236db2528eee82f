import { hasTokenInUrl } from '../token-in-url.ts'
import type { SocketRequest, SocketServer } from './socket-server.ts'

/** Why no socket was opened. */
export type UpgradeRefusal = 'origin' | 'tokenInUrl' | 'movingAway'

export interface UpgradeChecks {
  /** See `SocketGuardOptions`. */
  readonly origins: readonly string[] | 'any' | undefined
  /** Whether this node lets no client in any more. */
  readonly isMovingAway: () => boolean
  /** `message` says how to fix it. */
  readonly onRefused: (refusal: UpgradeRefusal, message: string, req: SocketRequest) => void
}

const answers: Record<UpgradeRefusal, { status: number; message: string }> = {
  origin: { status: 403, message: 'Pages of this origin may not connect here. Name it in the option "origins".' },
  tokenInUrl: {
    status: 400,
    message: 'A token in a URL ends up in logs. Send it as a cookie or in connectionParams.',
  },
  movingAway: { status: 503, message: 'This node is going away. Try again.' },
}

/** Has the server answer upgrades that it should not take with an HTTP status, before a `verifyClient` of its own is asked. */
export function checkUpgrades(wss: SocketServer, checks: UpgradeChecks): void {
  const own = wss.options.verifyClient
  wss.options.verifyClient = (info, done) => {
    const refusal = refusalOf(info.req, checks)
    if (refusal) {
      const { status, message } = answers[refusal]
      checks.onRefused(refusal, message, info.req)
      done(false, status, message)
    } else if (!own) done(true)
    else if (own.length === 2) own(info, done)
    else done((own as (of: typeof info) => boolean)(info), 401)
  }
}

function refusalOf(req: SocketRequest, { origins, isMovingAway }: UpgradeChecks): UpgradeRefusal | undefined {
  if (isMovingAway()) return 'movingAway'
  if (!isAllowedOrigin(req, origins)) return 'origin'
  return hasTokenInUrl(req.url ?? '') ? 'tokenInUrl' : undefined
}

/** Only browsers send an origin, and pages can't change it; nor can they send a header that a proxy would. */
function isAllowedOrigin(req: SocketRequest, origins: UpgradeChecks['origins']): boolean {
  const { origin } = req.headers
  if (origin === undefined || origins === 'any') return true
  if (origins) return origins.includes(origin)
  const from = hostnameOf(origin)
  const { host = '', 'x-forwarded-host': forwarded = '' } = req.headers
  const hosts = `${host},${forwarded}`.split(',')
  return from !== undefined && hosts.some((name) => hostnameOf(`http://${name.trim()}`) === from)
}

function hostnameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined
}
