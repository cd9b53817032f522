/** Names for those on the way, as a verdict has them. */
import type { Case } from "./cause.ts"
import { type EdgeProduct, type Identity, identify, type Named } from "./fingerprint.ts"

const NAMES: Readonly<Record<EdgeProduct, string>> = {
  nginx: "nginx",
  holdfast: "Holdfast",
  haproxy: "HAProxy",
  envoy: "Envoy",
  caddy: "Caddy",
  traefik: "Traefik",
  apache: "Apache",
  iis: "IIS",
  lighttpd: "lighttpd",
  varnish: "Varnish",
  squid: "Squid",
  cloudflare: "Cloudflare",
  "aws-alb": "AWS Application Load Balancer",
  "aws-api-gateway": "AWS API Gateway",
  cloudfront: "CloudFront",
  "gcp-lb": "Google Cloud load balancer",
  "azure-front-door": "Azure Front Door",
  "azure-application-gateway": "Azure Application Gateway",
  fastly: "Fastly",
  akamai: "Akamai",
  heroku: "Heroku's router",
  fly: "Fly.io's proxy",
  vercel: "Vercel",
  netlify: "Netlify",
  railway: "Railway",
  render: "Render",
  kong: "Kong",
  ngrok: "ngrok",
}

/** Whoever answers at the URL: "edge (nginx/1.22.1)", "edge (nginx behind Cloudflare)", or "edge" where it does not say. */
export function edgeHop({ seen }: Case): string {
  const name = seen.handshake?.kind === "answer" ? edgeName(identify(seen.handshake)) : undefined
  return name === undefined ? "edge" : `edge (${name})`
}

/** "nginx/1.22.1", as Server has it, or "HAProxy"; undefined where nobody is known. */
function edgeName({ edge, page }: Identity): string | undefined {
  if (edge === undefined) return undefined
  const name = /^Server: (\S+)/i.exec(edge.because)?.[1] ?? NAMES[edge.product]
  return page === undefined || isSame(page, edge) ? name : `${pageName(page)} behind ${name}`
}

/** Whether a page is the edge's own; one of another version is of a proxy behind it. */
function isSame(page: Named<EdgeProduct>, edge: Named<EdgeProduct>): boolean {
  if (page.product !== edge.product) return false
  return page.version === undefined || edge.version === undefined || page.version === edge.version
}

function pageName({ product, version }: Named<EdgeProduct>): string {
  return version === undefined ? NAMES[product] : `${NAMES[product]}/${version}`
}
