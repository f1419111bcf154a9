// An OpenID provider with a login page of its own on a loopback port, until its standard input
// ends. Told one line: {"client": …, "users": {name: password}, "access_token_seconds"}. Says one
// line when it listens: {"issuer"}.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { Provider } from 'oidc-provider'

const lines = createInterface({ input: process.stdin })
const config = JSON.parse((await lines[Symbol.asyncIterator]().next()).value)
process.stdin.on('end', () => process.exit())

const server = createServer()
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`

function page(title, body) {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}</html>`
}

const provider = new Provider(issuer, {
  clients: [config.client],
  scopes: ['openid', 'offline_access', 'orders:read'],
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      logoutSource(ctx, form) {
        const button = '<button id="confirm" form="op.logoutForm" name="logout" value="yes">Yes, log me out</button>'
        ctx.body = page('Log out of the provider?', form + button)
      },
    },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: config.access_token_seconds, IdToken: 60, Session: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600 },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
})

async function read(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return new URLSearchParams(text)
}

function login(wrong) {
  const alert = wrong ? '<p id="wrong">Unknown user, or wrong password.</p>' : ''
  return page(
    'Log in',
    `${alert}<form method="post"><p><label>Name <input name="name"></label>
     <p><label>Password <input name="password" type="password"></label><p><button id="log-in">Log in</button></form>`,
  )
}

// Who has logged in has consented: there is one client.
async function grant(details) {
  const { prompt, params, session, grantId } = details
  const known = grantId && (await provider.Grant.find(grantId))
  const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '))
  return { consent: { grantId: await grant.save() } }
}

async function interaction(request, response) {
  const details = await provider.interactionDetails(request, response)
  const more = { mergeWithLastSubmission: true }
  if (details.prompt.name === 'consent') {
    return provider.interactionFinished(request, response, await grant(details), more)
  }
  const form = request.method === 'POST' ? await read(request) : new URLSearchParams()
  const name = form.get('name')
  if (name !== null && config.users[name] === form.get('password')) {
    return provider.interactionFinished(request, response, { login: { accountId: name } }, { mergeWithLastSubmission: false })
  }
  response.setHeader('content-type', 'text/html; charset=utf-8').end(login(name !== null))
}

provider.on('server_error', (_, error) => console.error(error))
const standard = provider.callback()
server.on('request', (request, response) => {
  if (!request.url.startsWith('/interaction/')) return standard(request, response)
  interaction(request, response).catch((error) => {
    console.error(error)
    response.writeHead(500).end()
  })
})
console.log(JSON.stringify({ issuer }))
