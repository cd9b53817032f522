import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { cookieDate, isSameSite } from "./sticky-cookie.ts"

test("dates of cookies as nginx writes them", () => {
  assert.equal(cookieDate(Date.UTC(2037, 11, 31, 23, 55, 55)), "Thu, 31-Dec-37 23:55:55 GMT")
  assert.equal(cookieDate(Date.UTC(2038, 0, 1)), "Fri, 01-Jan-2038 00:00:00 GMT")
  assert.equal(cookieDate(Date.UTC(2009, 1, 3, 4, 5, 6, 999)), "Tue, 03-Feb-09 04:05:06 GMT")
  assert.equal(cookieDate(Date.UTC(2000, 1, 29)), "Tue, 29-Feb-00 00:00:00 GMT")
})

test("property: the date is the one that Date has", () => {
  const date = fc.date({ min: new Date(0), max: new Date("2200-01-01T00:00:00Z"), noInvalidDate: true })
  fc.assert(
    fc.property(date, (when) => {
      const [day, number, month, year, time] = when.toUTCString().split(/,? /)
      const short = Number(year) > 2037 ? year : year?.slice(2)
      assert.equal(cookieDate(when.getTime()), `${day}, ${number}-${month}-${short} ${time} GMT`)
    }),
  )
})

test("the values of samesite", () => {
  for (const text of ["strict", "Lax", "NONE"]) assert.ok(isSameSite(text), text)
  for (const text of ["", "stricter", "no", "strict "]) assert.ok(!isSameSite(text), text)
})
