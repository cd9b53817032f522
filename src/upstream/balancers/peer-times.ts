import type { PeerRow } from "../zone.ts"
import {
  HEADER_TIME,
  IN_FLIGHT,
  IN_FLIGHT_CHANGED,
  IN_FLIGHT_SUM,
  IN_FLIGHT_TIME,
  RESPONSE_TIME,
} from "../zone.ts"

/**
 * How fast a peer answers, for `least_time`: the averages live in the peer's row, so that they outlive generations
 * and, with `zone`, are shared by the workers. Milliseconds. All is to be called with the group's lock held.
 */
export class PeerTimes {
  private readonly ints: Int32Array
  private readonly floats: Float64Array

  constructor(row: PeerRow) {
    this.ints = row.ints
    this.floats = row.floats
  }

  /** The average time until an answer's head; 0 before the first. */
  get headerMs(): number {
    return this.ints[HEADER_TIME]
  }

  /** The average time until an answer's end; 0 before the first. */
  get responseMs(): number {
    return this.ints[RESPONSE_TIME]
  }

  /** Requests that count as in flight now. */
  get inFlight(): number {
    return this.ints[IN_FLIGHT]
  }

  /** The average of how long the requests in flight have lasted. */
  get inFlightMs(): number {
    return this.ints[IN_FLIGHT_TIME]
  }

  noteHeader(ms: number): void {
    this.average(HEADER_TIME, ms)
  }

  noteResponse(ms: number): void {
    this.average(RESPONSE_TIME, ms)
  }

  /** Lets the average of the requests in flight follow them. */
  noteInFlight(nowMs: number): void {
    const count = this.inFlight
    if (count === 0) return
    const lasted = Math.trunc(this.floats[IN_FLIGHT_SUM] / count) + nowMs - this.floats[IN_FLIGHT_CHANGED]
    this.average(IN_FLIGHT_TIME, lasted)
  }

  /** One more request is in flight. */
  begin(nowMs: number): void {
    const count = this.inFlight
    if (count > 0) this.floats[IN_FLIGHT_SUM] += (nowMs - this.floats[IN_FLIGHT_CHANGED]) * count
    this.floats[IN_FLIGHT_CHANGED] = nowMs
    this.ints[IN_FLIGHT] = count + 1
  }

  /** One of them, which lasted for `lastedMs`, is in flight no more. */
  end(lastedMs: number, nowMs: number): void {
    const count = this.inFlight
    // A worker that died took all that was in flight out of the count.
    if (count === 0) return
    if (count === 1) this.floats[IN_FLIGHT_SUM] = 0
    else {
      this.floats[IN_FLIGHT_SUM] += (nowMs - this.floats[IN_FLIGHT_CHANGED]) * count - lastedMs
      this.floats[IN_FLIGHT_CHANGED] = nowMs
    }
    this.ints[IN_FLIGHT] = count - 1
  }

  /** An exponential moving average; the first value is taken as it is. ngx_http_upstream_response_time_avg. */
  private average(column: number, ms: number): void {
    const average = this.ints[column]
    this.ints[column] = average === 0 ? ms : Math.trunc(0.5 + ms * 0.05 + average * 0.95)
  }
}
