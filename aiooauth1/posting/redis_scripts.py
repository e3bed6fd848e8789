"""The Lua scripts of the journal in Redis. Each runs atomically, by Redis's own clock.

The keys of a run share a hash tag, so that a Cluster keeps them on one node:

- `entries`, a hash: an entry for each post id. An entry is a letter for the state, the 16 bytes of the
  digest, the time in milliseconds (13 digits) and the reply's status (3 digits). Until the post has ended,
  its route with the rules that cover it, an empty line and its JSON follow; after that, its error.
- `lane:USER`, a list: the ids of the user's waiting posts, in order. Only the first may be sent.
- `due`, a sorted set: when to look at each user with posts. While a post is sent: when its lease ends.
- `held`, a hash: the holder of the lease of each user's lane.
- `kicked`, a hash: until when the message that wakes a user's lane is assumed to be under way.
- `own:ROUTE:USER` and `app:ROUTE`, numbers that expire: the requests left in a window.
- `limit:ROUTE`: the size of the application's window.
- `rule:N:USER` and `rule:N`, numbers that expire: the requests counted by a rule of the preset.
- `refused:ROUTE`, a set: the users refused for a rate limit in a row.
- `counts`, a hash: the number of posts in each state. `doubt`, a set: the ids of those begun or unknown.
- `owner`: the token of the `post_all` run that has locked the journal. `windows`, a hash: its rate-limit
  windows.
- `input`, a string: the first 8 bytes of the digest of each post, by position, of a `post_all` run.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiooauth1.errors import StoreUnavailable


try:
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import NoScriptError, RedisClusterException, RedisError
    from redis.exceptions import TimeoutError as RedisTimeoutError
except ImportError:
    raise ImportError("RedisJournal needs redis-py: pip install 'aiooauth1[redis]'", name="redis") from None


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


__all__ = ["BEGIN", "CLAIM", "DUE", "ENQUEUE", "FINISH", "HEAD", "PUT", "RENEW", "STATES", "Runner", "Script"]

HEAD: Final = 33
"""Bytes of an entry's fixed part: state, digest, time and status."""

STATES: Final = {"begun": "b", "done": "d", "refused": "r", "failed": "f", "unknown": "u", "waiting": "w"}
"""The letter of each state."""

_log = logging.getLogger(__name__)

_PATIENCE = 60.0  # seconds in which a restarting Redis must be back
_MAX_PAUSE = 1.0
_CONNECTIONS = 50


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and its SHA-1, by which Redis caches it."""

    text: str
    sha: str


def _script(text: str) -> Script:
    whole = _COMMON + text
    return Script(whole, hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest())


# ARGV[1] is the prefix of all keys. KEYS[1] is `entries`, by which a Cluster finds the node.
_COMMON = """
local P = ARGV[1]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- Of lanes due within 50 ms the longest is woken first, so that it gets its share of a short window.
local function at(ms, lane)
  return math.ceil(ms / 50) * 50 + 50 - math.min(redis.call('LLEN', lane), 999) / 20
end
local function stamp() return string.format('%013d', now) end
local function move(entry, id, state, http, rest)
  local old = string.sub(entry, 1, 1)
  redis.call('HINCRBY', P .. 'counts', old, -1)
  redis.call('HINCRBY', P .. 'counts', state, 1)
  if state == 'b' or state == 'u' then redis.call('SADD', P .. 'doubt', id)
  else redis.call('SREM', P .. 'doubt', id) end
  redis.call('HSET', KEYS[1], id, state .. string.sub(entry, 2, 17) .. stamp() .. http .. rest)
end
"""

# For `post_all`. ARGV: id, digest, position, the run's token. Returns 1: begun; 0: another post; 2: done
# already; 3: another run has locked the journal.
BEGIN: Final = _script("""
local id, digest, place = ARGV[2], ARGV[3], tonumber(ARGV[4])
local owner = redis.call('GET', P .. 'owner')
if owner and owner ~= ARGV[5] then return 3 end
local key = P .. 'input'
local held = redis.call('GETRANGE', key, place * 8, place * 8 + 7)
local mark = string.sub(digest, 1, 8)
local entry = redis.call('HGET', KEYS[1], id)
if entry then
  if string.sub(entry, 2, 17) ~= digest or held ~= mark then return 0 end
  local state = string.sub(entry, 1, 1)
  if state == 'd' or state == 'r' then return 2 end
  move(entry, id, 'b', '000', '')
else
  if held ~= '' and held ~= string.rep('\\0', 8) and held ~= mark then return 0 end
  redis.call('SETRANGE', key, place * 8, mark)
  redis.call('HINCRBY', P .. 'counts', 'b', 1)
  redis.call('SADD', P .. 'doubt', id)
  redis.call('HSET', KEYS[1], id, 'b' .. digest .. stamp() .. '000')
end
return 1
""")

# For `post_all`. ARGV: id, state, status, error.
PUT: Final = _script("""
local entry = redis.call('HGET', KEYS[1], ARGV[2])
if entry then move(entry, ARGV[2], ARGV[3], ARGV[4], ARGV[5]) end
return 1
""")

# ARGV: id, user, digest, route and rules, JSON, milliseconds. Returns 1: added, wake its lane; 0: added or
# known; -1: known with another digest.
ENQUEUE: Final = _script("""
local id, user, digest = ARGV[2], ARGV[3], ARGV[4]
local entry = redis.call('HGET', KEYS[1], id)
if entry then return string.sub(entry, 2, 17) == digest and 0 or -1 end
redis.call('HSET', KEYS[1], id, 'w' .. digest .. stamp() .. '000' .. ARGV[5] .. '\\n\\n' .. ARGV[6])
redis.call('HINCRBY', P .. 'counts', 'w', 1)
if redis.call('RPUSH', P .. 'lane:' .. user, id) > 1 then return 0 end
redis.call('ZADD', P .. 'due', now, user)
redis.call('HSET', P .. 'kicked', user, now + tonumber(ARGV[7]))
return 1
""")

# ARGV: user, the claimant's token, milliseconds of the lease, `again` for a message that has sent a post
# already, and the message's post id. Returns a word and its values: unknown; none; later (milliseconds);
# send or doubt (id, JSON).
CLAIM: Final = _script("""
local user, who, lease = ARGV[2], ARGV[3], tonumber(ARGV[4])
local due, held, lane = P .. 'due', P .. 'held', P .. 'lane:' .. user
if ARGV[6] ~= '' and redis.call('HEXISTS', KEYS[1], ARGV[6]) == 0 then return {'unknown'} end
redis.call('HDEL', P .. 'kicked', user)
if redis.call('EXISTS', P .. 'stopped') == 1 then return {'none'} end
local id = redis.call('LINDEX', lane, 0)
if not id then redis.call('ZREM', due, user); redis.call('HDEL', held, user); return {'none'} end
local entry = redis.call('HGET', KEYS[1], id)
local blank = string.find(entry, '\\n\\n', 34, true)
local json = string.sub(entry, blank + 2)
local holder = redis.call('HGET', held, user)
if holder == who then return {'send', id, json} end
local score = tonumber(redis.call('ZSCORE', due, user) or now)
if score > now then return {'later', math.ceil(score - now)} end
if ARGV[5] == 'again' and redis.call('ZCOUNT', due, '-inf', now) > 1 then
  return {'later', 1}  -- other users first
end
local function take(what)
  redis.call('HSET', held, user, who)
  redis.call('ZADD', due, now + lease, user)
  return {what, id, json}
end
local state = string.sub(entry, 1, 1)
if state ~= 'w' then return take('doubt') end
local spec = string.sub(entry, 34, blank - 1)
local route = string.match(spec, '^[^\\n]*')
local wait = 0
local function spent(key, left)
  if left and tonumber(left) < 1 then wait = math.max(wait, redis.call('PTTL', key)) end
end
local own, app = P .. 'own:' .. route .. ':' .. user, P .. 'app:' .. route
local app_left = redis.call('GET', app)
spent(own, redis.call('GET', own))
local counted = {}
for per, n, limit, ms in string.gmatch(spec, '\\n(%a)(%d+) (%d+) (%d+)') do
  local key = P .. 'rule:' .. n .. (per == 'u' and ':' .. user or '')
  local count = tonumber(redis.call('GET', key) or 0)
  spent(key, tonumber(limit) - count)
  counted[#counted + 1] = {key, ms, count}
end
if wait == 0 then
  spent(app, app_left)
  -- Requests under way may not have counted: their replies may report more requests left.
  if wait > 500 and redis.call('HLEN', held) > 0 then wait = 500 end
end
if wait > 0 then
  redis.call('HDEL', held, user)
  redis.call('ZADD', due, at(now + wait, lane), user)
  return {'later', wait}
end
for _, one in ipairs(counted) do
  if one[3] == 0 then redis.call('SET', one[1], 1, 'PX', one[2]) else redis.call('INCR', one[1]) end
end
local limit = redis.call('GET', P .. 'limit:' .. route)
if app_left then redis.call('DECR', app)
elseif limit then redis.call('SET', app, limit - 1, 'PX', 60000) end  -- until a reply says when it resets
move(entry, id, 'b', '000', string.sub(entry, 34))
return take('send')
""")

# ARGV: user, the holder's token, id, state, status, error, milliseconds to wait; for the user's and for the
# application's window the requests left ('' if not reported) and the milliseconds to its reset; `limited` if
# it was refused for a rate limit, `taken` if the provider decided on it; the size of the application's window
# ('' if not reported). Returns 1: recorded; 0: another worker has the lane now.
FINISH: Final = _script("""
local user, who, id, state, http, rest = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local due, held, lane = P .. 'due', P .. 'held', P .. 'lane:' .. user
local entry = redis.call('HGET', KEYS[1], id)
if redis.call('HGET', held, user) ~= who then
  local is_there = entry and (string.sub(entry, 1, 1) == state or state == 'w')
  return is_there and 1 or 0
end
local blank = string.find(entry, '\\n\\n', 34, true)
local route = string.match(string.sub(entry, 34, blank - 1), '^[^\\n]*')
local own, app, refused = P .. 'own:' .. route .. ':' .. user, P .. 'app:' .. route, P .. 'refused:' .. route
local function set(key, left, ms, others)
  if left == '' or ms == '' or tonumber(ms) < 1 then return end
  left = tonumber(left)
  local known, least = tonumber(redis.call('GET', key)), math.max(0, left - others)
  left = known and math.min(left, math.max(known, least)) or least
  ms = tonumber(ms)
  local pttl = redis.call('PTTL', key)
  -- Resets are reported in whole seconds: the earliest report of one reset is the most exact.
  if pttl > 0 and pttl < ms and pttl > ms - 2000 then ms = pttl end
  redis.call('SET', key, left, 'PX', ms)
end
set(own, ARGV[9], ARGV[10], 0)
set(app, ARGV[11], ARGV[12], redis.call('HLEN', held) - 1)
if ARGV[14] ~= '' then redis.call('SET', P .. 'limit:' .. route, ARGV[14]) end
local wait = tonumber(ARGV[8])
if ARGV[13] == 'limited' then
  redis.call('SADD', refused, user)
  redis.call('PEXPIRE', refused, wait + 60000)
  if redis.call('SCARD', refused) >= 3 and wait > 0 then redis.call('SET', app, 0, 'PX', wait) end
elseif ARGV[13] == 'taken' then
  redis.call('DEL', refused)
end
redis.call('HDEL', held, user)
if state == 'w' then
  move(entry, id, 'w', http, string.sub(entry, 34))
  redis.call('ZADD', due, wait > 0 and at(now + wait, lane) or now, user)
  return 1
end
move(entry, id, state, http, rest)
redis.call('LPOP', lane)
if redis.call('LLEN', lane) == 0 then redis.call('ZREM', due, user)
else redis.call('ZADD', due, now - math.min(redis.call('LLEN', lane), 999) / 1000, user) end
return 1
""")

# ARGV: milliseconds of the lease, then pairs of a user and the holder's token.
RENEW: Final = _script("""
for i = 3, #ARGV, 2 do
  if redis.call('HGET', P .. 'held', ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', P .. 'due', 'XX', now + tonumber(ARGV[2]), ARGV[i])
  end
end
return 1
""")

# ARGV: the most messages, and the milliseconds for which a message is assumed to be under way. Returns the
# milliseconds until the next lane is due (-1: none), then the JSON of the first post of each lane to wake.
DUE: Final = _script("""
local found = {-1}
if redis.call('EXISTS', P .. 'stopped') == 1 then return found end
for _, user in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, 1000)) do
  if #found > tonumber(ARGV[2]) then break end
  local kicked = tonumber(redis.call('HGET', P .. 'kicked', user) or 0)
  if kicked <= now then
    local id = redis.call('LINDEX', P .. 'lane:' .. user, 0)
    local entry = id and redis.call('HGET', KEYS[1], id)
    if entry then
      redis.call('HSET', P .. 'kicked', user, now + tonumber(ARGV[3]))
      found[#found + 1] = string.sub(entry, string.find(entry, '\\n\\n', 34, true) + 2)
    else
      redis.call('ZREM', P .. 'due', user)
    end
  end
end
local next = redis.call('ZRANGEBYSCORE', P .. 'due', '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
if next[2] then found[1] = math.ceil(tonumber(next[2]) - now) end
return found
""")


class Runner:
    """Runs scripts in Redis, and survives its restarts.

    Every script is idempotent: it is run again if its reply was lost.

    Args:
        client: A client of `redis.asyncio`, standalone or Cluster.
        prefix: The prefix of all keys.
    """

    def __init__(self, client: Any, prefix: bytes) -> None:
        self.client = client
        self.prefix = prefix
        self.entries: bytes = prefix + b"entries"
        self._is_checked = False
        # An exhausted pool of redis-py raises; with this, callers wait.
        self._permits = asyncio.Semaphore(_CONNECTIONS)

    async def warn_if_not_durable(self) -> None:
        """Log a warning, once, if this Redis may lose writes that it has confirmed, as far as it says."""
        if self._is_checked:
            return
        self._is_checked = True
        try:
            settings = await _keeping_cancellation(self.client.config_get("append*"))
        except (RedisError, RedisClusterException, OSError):
            return
        told = {_text(name): _text(value) for name, value in settings.items()}
        if told and (told.get("appendonly"), told.get("appendfsync")) != ("yes", "always"):
            _log.warning(
                "this Redis has appendonly %s and appendfsync %s: if it is killed, posts of its last"
                " seconds are sent again; set appendonly yes and appendfsync always",
                told.get("appendonly"),
                told.get("appendfsync"),
            )

    async def run(self, script: Script, *arguments: object) -> Any:
        """Run a script.

        Raises:
            StoreUnavailable: If Redis refuses, or does not answer for a minute.
        """
        try:
            return await self.retry(lambda: self._once(script, arguments))
        except RedisError as error:
            failure = StoreUnavailable(f"the journal's Redis refuses: {type(error).__name__}")
        raise failure

    async def run_all(self, script: Script, calls: Sequence[tuple[object, ...]]) -> list[Any]:
        """Run a script once for each tuple of arguments, in one round trip."""

        async def once() -> list[Any]:
            pipe = self.client.pipeline(transaction=False)
            for arguments in calls:
                pipe.evalsha(script.sha, 1, self.entries, self.prefix, *arguments)
            try:
                return list(await pipe.execute())
            except NoScriptError:
                await self.client.script_load(script.text)
                raise RedisConnectionError("the script was not loaded") from None

        try:
            found: list[Any] = await self.retry(once)
        except RedisError as error:
            failure = StoreUnavailable(f"the journal's Redis refuses: {type(error).__name__}")
        else:
            return found
        raise failure

    async def retry(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """Run an idempotent command, again and again while the connection fails.

        Raises:
            StoreUnavailable: If it fails for a minute.
        """
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + _PATIENCE, 0.02
        while True:
            try:
                async with self._permits:
                    return await _keeping_cancellation(command())
            except (RedisConnectionError, RedisTimeoutError, OSError) as error:
                if loop.time() + pause > until:
                    reason = type(error).__name__
                    break
            await asyncio.sleep(pause)
            pause = min(_MAX_PAUSE, pause * 2)
        raise StoreUnavailable(f"the journal's Redis did not answer for {_PATIENCE:g} s ({reason})")

    async def _once(self, script: Script, arguments: tuple[object, ...]) -> Any:
        try:
            return await self.client.evalsha(script.sha, 1, self.entries, self.prefix, *arguments)
        except NoScriptError:
            return await self.client.eval(script.text, 1, self.entries, self.prefix, *arguments)


async def _keeping_cancellation(answer: Awaitable[Any]) -> Any:
    """Await a reply of redis-py, and raise CancelledError if a cancellation was dropped meanwhile.

    redis-py sends through `asyncio.wait_for`. In Python 3.11 that drops a cancellation that arrives just
    after its result: a loop that polls Redis would then never end.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    found = await answer
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
    return found


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
