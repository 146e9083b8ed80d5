-- REAPER's part of the example, for a test: lua fake_reaper.lua SCRIPT SERVER FROM TO. An item of four bars at 120.

local script, server, from, to = table.unpack(arg)
local PPQ = 960
local notes = {}
for step = 0, 31 do
  notes[#notes + 1] = { step * PPQ // 2, (step + 1) * PPQ // 2, 0, 60 + step % 6, 80 }
end

local function pass() end
os.time = function() return 7 end -- the example's seed
reaper = {
  GetSelectedMediaItem = function() return "item" end,
  GetActiveTake = function() return "take" end,
  TakeIsMIDI = function() return true end,
  GetMediaItemInfo_Value = function() return 0 end,
  TimeMap_GetTimeSigAtTime = function() return 4, 4, 120 end,
  TimeMap2_timeToQN = function(_, time) return time * 2 end,
  MIDI_GetPPQPosFromProjQN = function(_, quarter) return quarter * PPQ end,
  MIDI_GetPPQPosFromProjTime = function(_, time) return time * 2 * PPQ end,
  GetSet_LoopTimeRange = function() return tonumber(from), tonumber(to) end,
  MIDI_CountEvts = function() return true, #notes, 0, 0 end,
  MIDI_GetNote = function(_, number) return true, false, false, table.unpack(notes[number + 1]) end,
  MIDI_DeleteNote = function(_, number) table.remove(notes, number + 1) end,
  MIDI_InsertNote = function(_, _, _, begin, finish, channel, pitch, velocity)
    notes[#notes + 1] = { begin, finish, channel, pitch, velocity }
  end,
  ExecProcess = function(command)
    local pipe = io.popen(command)
    local said = pipe:read("a")
    pipe:close()
    return "0\n" .. said
  end,
  ShowMessageBox = function(text) print("message: " .. text) end,
  MIDI_Sort = pass, Undo_BeginBlock = pass, Undo_EndBlock = pass, UpdateArrange = pass,
}
local file = assert(io.open(script))
local source = file:read("a"):gsub("http://127.0.0.1:7860", server)
file:close()
assert(load(source))()
for _, note in ipairs(notes) do print(table.concat(note, " ")) end
