-- A ReaScript for REAPER: writes the bars of the time selection anew in the selected MIDI item; all other notes stay.
--
-- Start `symbolic-music serve`, load this file in REAPER's action list, select a MIDI item and a stretch of time, run it.
-- Without a time selection the whole item goes on by BARS_MORE bars instead. Needs curl.

local SERVER = "http://127.0.0.1:7860"
local BARS_MORE = 4
local WAIT_MILLISECONDS = 120000

-- Notes are { begin, finish, pitch, velocity, channel }, in ticks of the item.

local function variable(value)
  local bytes = string.char(value & 0x7f)
  value = value >> 7
  while value > 0 do
    bytes = string.char((value & 0x7f) | 0x80) .. bytes
    value = value >> 7
  end
  return bytes
end

local function write_midi(notes, ppq, bpm, beats, unit)
  local events = {}
  for _, note in ipairs(notes) do
    events[#events + 1] = { note.begin, 1, string.char(0x90 | note.channel, note.pitch, note.velocity) }
    events[#events + 1] = { note.finish, 0, string.char(0x80 | note.channel, note.pitch, 0) }
  end
  table.sort(events, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[3] < b[3]
  end)
  local power = 0
  while (1 << power) < unit do power = power + 1 end
  local track = "\0\xff\x51\x03" .. string.pack(">I3", math.floor(60000000 / bpm + 0.5))
  track = track .. "\0\xff\x58\x04" .. string.char(beats, power, 24, 8)
  local now = 0
  for _, event in ipairs(events) do
    track = track .. variable(event[1] - now) .. event[3]
    now = event[1]
  end
  track = track .. "\0\xff\x2f\0"
  return "MThd" .. string.pack(">I4I2I2I2", 6, 0, 1, ppq) .. "MTrk" .. string.pack(">s4", track)
end

local function read_variable(data, place)
  local value = 0
  repeat
    local byte = data:byte(place)
    value, place = value << 7 | byte & 0x7f, place + 1
  until byte < 0x80
  return value, place
end

local function read_track(data, place, finish, notes)
  local now, status, sounding = 0, 0, {}
  while place < finish do
    local wait
    wait, place = read_variable(data, place)
    now = now + wait
    if data:byte(place) >= 0x80 then status, place = data:byte(place), place + 1 end
    if status >= 0xf0 then
      if status == 0xff then place = place + 1 end
      local length
      length, place = read_variable(data, place)
      place = place + length
    else
      local kind, channel = status >> 4, status & 15
      local one, two = data:byte(place, place + 1)
      place = place + ((kind == 0xc or kind == 0xd) and 1 or 2)
      local key = channel << 7 | one
      if kind == 9 and two > 0 then
        local note = { begin = now, finish = now + 1, pitch = one, velocity = two, channel = channel }
        notes[#notes + 1] = note
        sounding[key] = sounding[key] or {}
        table.insert(sounding[key], note)
      elseif (kind == 8 or kind == 9) and sounding[key] and sounding[key][1] then
        table.remove(sounding[key], 1).finish = now
      end
    end
  end
end

local function read_midi(data)
  local notes, place = {}, 15
  local ppq = string.unpack(">I2", data, 13)
  while place < #data do
    local size = string.unpack(">I4", data, place + 4)
    read_track(data, place + 8, place + 8 + size, notes)
    place = place + 8 + size
  end
  return notes, ppq
end

local function decode_base64(text)
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local bits, held, bytes = 0, 0, {}
  for letter in text:gmatch("[%w+/]") do
    bits, held = bits << 6 | letters:find(letter, 1, true) - 1, held + 6
    if held >= 8 then
      held = held - 8
      bytes[#bytes + 1] = string.char(bits >> held & 0xff)
      bits = bits & (1 << held) - 1
    end
  end
  return table.concat(bytes)
end

local function item_notes(take)
  local _, count = reaper.MIDI_CountEvts(take)
  local notes = {}
  for number = 0, count - 1 do
    local _, _, _, begin, finish, channel, pitch, velocity = reaper.MIDI_GetNote(take, number)
    notes[#notes + 1] = {
      begin = math.floor(begin + 0.5), finish = math.floor(finish + 0.5), pitch = pitch, velocity = velocity,
      channel = channel,
    }
  end
  return notes
end

local function ask(path, wishes, midi)
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write(midi)
  file:close()
  local command = ('curl -s -F "file=@%s;filename=item.mid" -F "wishes=%s" %s/%s'):format(
    name, wishes:gsub('"', '\\"'), SERVER, path
  )
  local said = reaper.ExecProcess(command, WAIT_MILLISECONDS) or ""
  os.remove(name)
  local music = said:match('"midi"%s*:%s*"([^"]+)"')
  if not music then
    return nil, said:match('"error"%s*:%s*"([^"]+)"') or ("no answer from " .. SERVER .. "; is the server running?")
  end
  return decode_base64(music)
end

local function replace_notes(take, notes, scale)
  local _, count = reaper.MIDI_CountEvts(take)
  for number = count - 1, 0, -1 do reaper.MIDI_DeleteNote(take, number) end
  for _, note in ipairs(notes) do
    local begin, finish = math.floor(note.begin * scale + 0.5), math.floor(note.finish * scale + 0.5)
    reaper.MIDI_InsertNote(take, false, false, begin, finish, note.channel, note.pitch, note.velocity, true)
  end
  reaper.MIDI_Sort(take)
end

local function run()
  local item = reaper.GetSelectedMediaItem(0, 0)
  local take = item and reaper.GetActiveTake(item)
  if not take or not reaper.TakeIsMIDI(take) then return "Select a MIDI item." end
  local start = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  local beats, unit, bpm = reaper.TimeMap_GetTimeSigAtTime(0, start)
  local quarter = reaper.TimeMap2_timeToQN(0, start)
  local ppq = math.floor(reaper.MIDI_GetPPQPosFromProjQN(take, quarter + 1) + 0.5)
  local notes = item_notes(take)
  if #notes == 0 then return "The item holds no notes." end
  local bar = ppq * 4 * beats // unit
  local from, to = reaper.GetSet_LoopTimeRange(false, false, 0, 0, false)
  local path, wishes
  if to > from then
    local first = math.floor(reaper.MIDI_GetPPQPosFromProjTime(take, from) / bar + 0.001) + 1
    local last = math.ceil(reaper.MIDI_GetPPQPosFromProjTime(take, to) / bar - 0.001)
    path, wishes = "infill", ('{"first_bar": %d, "last_bar": %d, "seed": %d}'):format(first, last, os.time())
  else
    local finish = 0
    for _, note in ipairs(notes) do finish = math.max(finish, note.finish) end
    local bars = math.ceil(finish / bar) + BARS_MORE
    path, wishes = "continue", ('{"num_bars": %d, "seed": %d}'):format(bars, os.time())
  end
  local answer, problem = ask(path, wishes, write_midi(notes, ppq, bpm, beats, unit))
  if not answer then return problem end
  local written, written_ppq = read_midi(answer)
  reaper.Undo_BeginBlock()
  replace_notes(take, written, ppq / written_ppq)
  reaper.Undo_EndBlock("symbolic_music: " .. path, -1)
  reaper.UpdateArrange()
end

local problem = run()
if problem then reaper.ShowMessageBox(problem, "symbolic_music", 0) end
