"""What is done inside Redis, each script as one step: KEYS are the owner of a prefix and its jobs, ARGV[1] our token.

Rules of this file:
1. Every script that writes looks first whose the prefix is: a server that lost it changes nothing.
2. A script reads and checks everything before its first write, because Redis takes back nothing that a script wrote.
"""

from __future__ import annotations

from ..memcached.values import ATTEMPTS, PLACE

_CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function hold(token, name, lease)
  redis.call('HSET', KEYS[1], 'token', token, 'name', name, 'until', string.format('%.0f', now + lease))
end
"""

#: ARGV: token, name of the session, milliseconds of lease, token of an owner whose session has ended, or ''.
#: Returns the token and the session's name of the owner before, with 1 where it keeps the prefix.
TAKE = (
    _CLOCK
    + """
local owner = redis.call('HMGET', KEYS[1], 'token', 'name', 'until')
local token, name = owner[1] or '', owner[2] or ''
if token ~= '' and token ~= ARGV[4] and tonumber(owner[3]) > now then return {token, name, 1} end
hold(ARGV[1], ARGV[2], ARGV[3])
return {token, name, 0}
"""
)

#: ARGV: token, name of the session, milliseconds of lease. Without any owner all that was under the prefix is
#: gone: it is taken again, and the answer reports it.
RENEW = (
    _CLOCK
    + """
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= ARGV[1] then return 'FENCED' end
hold(ARGV[1], ARGV[2], ARGV[3])
return token and 'OK' or 'LOST'
"""
)

#: Returns whether the prefix has an owner whose lease is not over. It changes nothing.
IS_OWNED = """
local time, lease = redis.call('TIME'), redis.call('HGET', KEYS[1], 'until')
return lease and tonumber(lease) > time[1] * 1000 and 1 or 0
"""

#: ARGV: token. The next server need not wait for the end of the lease.
RELEASE = """
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('HSET', KEYS[1], 'until', '0') end
return 'OK'
"""

#: ARGV: token, then operations of three words each: put, name, value; drop, name, ''; update, name, attempts and
#: perhaps, behind them, the due time.
#: A job that is there already stays as it is; what differs in more than place and attempts is another one.
APPLY = f"""
local token = redis.call('HGET', KEYS[1], 'token')
if not token then return 'LOST' end
if token ~= ARGV[1] then return 'FENCED' end
local changed = {{}}
local function fixed(value) return value:sub(1, {PLACE.start}) .. value:sub({ATTEMPTS.stop + 1}) end
for at = 2, #ARGV, 3 do
  local verb, name, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local there = changed[name]
  if there == nil then there = redis.call('HGET', KEYS[2], name) end
  if verb == 'put' then
    if not there then changed[name] = value
    elseif fixed(there) ~= fixed(value) then return 'TAKEN' end
  elseif verb == 'drop' then
    if there then changed[name] = false end
  elseif there then
    changed[name] = there:sub(1, {ATTEMPTS.start}) .. value .. there:sub({ATTEMPTS.start + 1} + #value)
  end
end
for name, value in pairs(changed) do
  if value then redis.call('HSET', KEYS[2], name, value) else redis.call('HDEL', KEYS[2], name) end
end
return 'OK'
"""
