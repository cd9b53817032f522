/** What a request may be told when it asks for a peer. */

/** There is a peer. */
export const CHOSEN = 0
/** None may be taken: nginx's "no live upstreams". */
export const NONE_LIVE = 1
/** The request has to wait; its `PeerWaiter` hears how that ended. */
export const WAITING = 2
/** The name of the upstream has no addresses that could be found, and the error log says why. */
export const UNRESOLVED = 3
/** One of the above. */
export type PeerChoice = number

/** A wait for a peer that one request has begun: in a group's queue, or for the addresses of a name. */
export interface PeerWait {
  /** The request waits no longer, for instance since its client has left: its `PeerWaiter` is not called any more. */
  cancel(): void
}

/** A request that waits. Of its two methods only those that end the wait are called, and not from within `enqueue`. */
export interface PeerWaiter {
  /** A peer may be free: the request chooses anew. Returns whether it has one now, which ends the wait. */
  tryAgain(): boolean
  /** The wait took too long, or came to nothing. */
  giveUp(): void
}

/** The queue of a group (`queue`): requests for which no peer could be chosen at once. */
export interface PeerQueue {
  /** Lets a request wait; null where the queue is full. */
  enqueue(waiter: PeerWaiter): PeerWait | null
  /** No request waits: one that comes now may choose at once. */
  readonly isEmpty: boolean
  /** A peer was given back: those who wait are asked soon, but not before this has returned. */
  wake(): void
}
