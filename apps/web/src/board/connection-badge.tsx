import type { FollowStatus } from '@commitcast/client'

/** Says whether what the page shows is what is. */
export function ConnectionBadge({ status }: { readonly status: FollowStatus }) {
  return (
    <p className="badge" role="status" aria-label="Connection" data-status={status}>
      {status}
    </p>
  )
}
