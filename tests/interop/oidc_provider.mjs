// An authorization server on a loopback port, until its standard input ends. Told one line:
// {"clients": […], "users": {name: password}, "assertions": {"issuer", "jwks"}}. Says one
// line when it listens: {"issuer"}.
//
// With "keys": [{"kid", "alg", "pem"}], these are published, and access tokens for a resource
// are JWTs that the first of them signs. With "port", it listens there.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import * as jose from 'jose'
import { Provider, errors } from 'oidc-provider'

const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const SCOPES = ['orders:read', 'orders:write', 'offline_access']

const lines = createInterface({ input: process.stdin })
const config = JSON.parse((await lines[Symbol.asyncIterator]().next()).value)
const { keys = [], port = 0 } = config
process.stdin.on('end', () => process.exit())

const server = createServer()
await new Promise((listening) => server.listen(port, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`

async function privateJwk({ kid, alg, pem }) {
  const key = await jose.importPKCS8(pem, alg, { extractable: true })
  return { ...(await jose.exportJWK(key)), kid, alg, use: 'sig' }
}

const [signing] = keys
const format = signing
  ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: signing.alg, kid: signing.kid } } }
  : { accessTokenFormat: 'opaque' }

const provider = new Provider(issuer, {
  ...(signing && {
    jwks: { keys: await Promise.all(keys.map(privateJwk)) },
    clientDefaults: { id_token_signed_response_alg: signing.alg },
  }),
  clients: config.clients.map((client) => ({ redirect_uris: [], response_types: [], ...client })),
  scopes: SCOPES,
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({ audience, scope: SCOPES.join(' '), ...format }),
    },
  },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  rotateRefreshToken: true,
})

// What each of these three grants says of whom: the account that the tokens are for.

async function password({ username, password }) {
  if (password === undefined || config.users[username] !== password) throw new errors.InvalidGrant('wrong password')
  return username
}

const trusted = jose.createLocalJWKSet(config.assertions.jwks)
const used = new Set()

async function jwtBearer({ assertion }) {
  const options = { issuer: config.assertions.issuer, audience: issuer, requiredClaims: ['sub', 'exp', 'jti'] }
  const { payload } = await jose.jwtVerify(assertion, trusted, options).catch((error) => {
    throw new errors.InvalidGrant(error.message)
  })
  if (used.has(payload.jti)) throw new errors.InvalidGrant('assertion used before')
  used.add(payload.jti)
  return payload.sub
}

async function tokenExchange({ subject_token, subject_token_type }) {
  if (subject_token_type !== TOKEN_TYPE) throw new errors.InvalidRequest('subject_token_type')
  const subject = await provider.AccessToken.find(subject_token)
  if (!subject?.isValid) throw new errors.InvalidGrant('subject_token')
  return subject.accountId
}

function register(name, parameters, accountOf, { refresh, more }) {
  async function handler(ctx) {
    const { client, params } = ctx.oidc
    const accountId = await accountOf(params)
    const scope = params.scope ?? ''
    const grant = new provider.Grant({ accountId, clientId: client.clientId })
    for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(resource, scope)
    grant.addOIDCScope(scope)
    const grantId = await grant.save()
    const token = new provider.AccessToken({ accountId, client, grantId, gty: name, scope })
    ctx.oidc.entity('Grant', grant)
    ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration, scope, ...more }
    if (refresh) {
      const refreshToken = new provider.RefreshToken({ accountId, client, grantId, gty: name, scope })
      ctx.body.refresh_token = await refreshToken.save()
    }
  }
  provider.registerGrantType(name, handler, ['scope', 'resource', 'audience', ...parameters], ['resource', 'audience'])
}

register('password', ['username', 'password'], password, { refresh: true })
register('urn:ietf:params:oauth:grant-type:jwt-bearer', ['assertion'], jwtBearer, {})
const exchange = ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type']
register('urn:ietf:params:oauth:grant-type:token-exchange', exchange, tokenExchange, {
  more: { issued_token_type: TOKEN_TYPE },
})

provider.on('server_error', (_, error) => console.error(error))
server.on('request', provider.callback())
console.log(JSON.stringify({ issuer }))
