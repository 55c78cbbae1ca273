# Profiles in a build: each gate broken on purpose must end with exit 10, an annotation, and
# nothing written; a good profile gives the same patch for any number of threads.
. tests/support/cli.sh

python3 -c 'import struct' 2>/dev/null || { echo "skipped: no python3 to make models with"; exit 0; }
cat >"$work/make.py" <<'END'
import json, struct, sys

def model(path, tweak):
    t = {}
    for layer in range(4):
        for part in ("self_attn.q_proj", "mlp.up_proj"):
            t["model.layers.%d.%s.weight" % (layer, part)] = [
                ((i * 7 + layer * 13 + len(part)) % 251) / 64.0 for i in range(2048)]
    t["model.embed_tokens.weight"] = [(i % 97) / 97.0 for i in range(4096)]
    tweak(t)
    head, data, at = {}, b"", 0
    for name, v in t.items():
        raw = struct.pack("<%df" % len(v), *v)
        head[name] = {"dtype": "F32", "shape": [len(v)], "data_offsets": [at, at + len(raw)]}
        data, at = data + raw, at + len(raw)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)

def tuned(t):
    for k in t:
        if "layers.2" in k or "layers.3" in k:
            t[k] = [x * 1.001 for x in t[k]]

def with_nan(t):
    tuned(t); t["model.layers.3.mlp.up_proj.weight"][5] = float("nan")

def with_inf(t):
    tuned(t); t["model.layers.3.mlp.up_proj.weight"][5] = float("inf")

def evil(t):
    t["a:b,c%0Ad"] = t.pop("model.embed_tokens.weight")

out = sys.argv[1]
model(out + "/old.safetensors", lambda t: None)
model(out + "/new.safetensors", tuned)
model(out + "/nan.safetensors", with_nan)
model(out + "/inf.safetensors", with_inf)
model(out + "/evil.safetensors", evil)
END
python3 "$work/make.py" "$work" || fail "models"
cd "$work" || exit 1

# broken NAME NEW "profile text after the version": that gate alone is broken.
broken() {
    name=$1 new=$2
    printf 'version: 1\n%s\n' "$3" >p.yml
    rm -f out.sftp report.json report.md report.xml summary.md
    GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY="$work/summary.md" "$MALLORN" diff \
        old.safetensors "$new.safetensors" -o out.sftp --profile p.yml --report json report.json \
        --report md=report.md --report=junit report.xml >said.out 2>said.err
    got=$?
    [ $got = 10 ] || { fail "$name: exit $got"; cat said.err; }
    [ ! -e out.sftp ] || fail "$name: a patch was written"
    [ -z "$(find . -name '.*tmp*' -o -name '*.part')" ] || fail "$name: debris"
    grep -q "^::error file=p.yml,line=3,col=3,title=mallorn gate $name::$name: " said.err ||
        { fail "$name: annotation"; cat said.err; }
    grep -q "\"name\": \"$name\", \"state\": \"broken\"" report.json || fail "$name: json"
    python3 -c 'import json; d = json.load(open("report.json"))
assert d["schema"] == "mallorn.gates/1" and not d["passed"] and d["patch"] is None' || fail "$name: json report"
    python3 -c 'import xml.dom.minidom as m; d = m.parse("report.xml")
assert len(d.getElementsByTagName("failure")) == 1' || fail "$name: junit report"
    grep -q "^| $name | broken |" report.md || fail "$name: md"
    cmp -s report.md summary.md || fail "$name: step summary"
}
broken frozen new 'gates:
  frozen: ["*.layers.2.*"]'
broken only new 'gates:
  only: ["*.layers.3.*"]'
broken no-new-nan nan 'gates:
  no-new-nan: true'
broken no-new-inf inf 'gates:
  no-new-inf: true'
broken base new "gates:
  base-sha256: $(sha256sum <new.safetensors | cut -c1-64)"
broken changed-layers new 'budgets:
  changed-layers: 1'
broken changed-tensors new 'budgets:
  changed-tensors: 3'
broken changed-elements new 'budgets:
  changed-elements: 100'
broken changed-share new 'budgets:
  changed-elements: 1%'
broken patch-size new 'budgets:
  patch-size: 100'
broken patch-ratio new 'budgets:
  patch-ratio: 0.1%'
broken apply-memory new 'budgets:
  apply-memory: 4096'
broken apply-time new 'budgets:
  apply-time: 0.001ms'

# A name full of tricks stays inside its annotation.
printf 'version: 1\ngates:\n  frozen: ["a:b*"]\n' >p.yml
GITHUB_ACTIONS=true "$MALLORN" diff old.safetensors evil.safetensors --gate-only --profile p.yml 2>said.err
[ $? = 10 ] || fail "evil: exit"
[ "$(grep -c '^::' said.err)" = 1 ] || { fail "evil: one annotation"; cat said.err; }
grep -q "^::.*'a:b,c%250Ad'" said.err || { fail "evil: escapes"; cat said.err; }

# Good profiles: gates hold, the same bytes for one and two threads and with the reports.
cat >good.yml <<'END'
# settled once
version: 1
defaults: {strategy: auto, neural: true, level: 6}
rules:
  - name: attention
    match: {kind: attention, layers: 2-}
    use: {strategy: xor-planes, level: 9, block: 4096}
budgets: {patch-ratio: 90%, changed-layers: 2, apply-time: 1s}
gates:
  frozen: ["*.layers.0.*", "*embed*"]
  only: ["*.layers.2.*", "*.layers.3.*"]
  no-new-nan: true
  no-new-inf: true
END
printf '  base-sha256: %s\n' "$(sha256sum <old.safetensors | cut -c1-64)" >>good.yml
for n in 1 2; do
    "$MALLORN" diff old.safetensors new.safetensors -o p$n -q --profile good.yml --threads $n \
        --report ok.xml || fail "good profile, $n threads"
done
cmp -s p1 p2 || fail "one and two threads give other bytes"
"$MALLORN" patch old.safetensors p1 -o back.safetensors >/dev/null 2>&1 && cmp -s back.safetensors new.safetensors || fail "round trip"
"$MALLORN" diff old.safetensors new.safetensors --gate-only --profile good.yml >said.out || fail "--gate-only"
"$MALLORN" diff old.safetensors new.safetensors --gate-only --profile good.yml --report json 2>said.err
[ $? = 2 ] && grep -q "option '--report' needs KIND FILE" said.err || { fail "--report without a file"; cat said.err; }
"$MALLORN" diff old.safetensors new.safetensors --gate-only --profile good.yml --report text x 2>said.err
[ $? = 2 ] || fail "--report of no kind"
"$MALLORN" diff old.safetensors new.safetensors --gate-only 2>/dev/null
[ $? = 2 ] || fail "--gate-only without a profile"

# check, show, explain, init, set.
"$MALLORN" profile check good.yml | grep -q '1 rule and 8 gates' || fail "check"
"$MALLORN" profile show good.yml old.safetensors new.safetensors | grep -q 'layers.2.self_attn.q_proj.weight *f32 *8.0 KiB *xor-planes *9 *rule 1, attention, line 5' || fail "show"
"$MALLORN" profile explain good.yml old.safetensors new.safetensors '*.1.mlp*' | grep -q "fails by 'kind'" || fail "explain"
"$MALLORN" profile init old.safetensors new.safetensors -o first.yml && "$MALLORN" profile check first.yml >/dev/null || fail "init"
"$MALLORN" diff old.safetensors new.safetensors --dry-run -q --profile first.yml || fail "the first profile works"
cp good.yml edit.yml
"$MALLORN" profile set edit.yml 'rules[0].use.level' 12 || fail "set"
sed 's/level: 9, block/level: 12, block/' good.yml | cmp -s - edit.yml || fail "set changes one value"
"$MALLORN" profile set edit.yml 'rules[0].use.levl' 12 2>said.err
[ $? = 2 ] && grep -q "did you mean 'level'" said.err || fail "set refuses a bad profile"

# Tensors below a size travel with the structure: here all of them.
printf 'version: 1\nstructure-below: all\n' >all.yml
"$MALLORN" profile show all.yml old.safetensors new.safetensors | grep -q 'mlp.up_proj.weight *f32 *8.0 KiB *structure ' || fail "show structure"
"$MALLORN" diff old.safetensors new.safetensors -o all.sftp -q --profile all.yml || fail "structure-below"
"$MALLORN" inspect --json all.sftp | grep -q '"records": \[\]' || fail "structure-below leaves records"
"$MALLORN" patch old.safetensors all.sftp -o all.safetensors -q && cmp -s all.safetensors new.safetensors || fail "all structure: round trip"

# The tuner: in its budgets, deterministic, obeyed; and where nothing fits, says so.
for n in 1 2; do
    "$MALLORN" tune old.safetensors new.safetensors --threads $n -o tuned$n.yml >tune$n.txt || fail "tune"
done
cmp -s tuned1.yml tuned2.yml && cmp -s tune1.txt tune2.txt || fail "tune depends on threads"
best=$("$MALLORN" diff old.safetensors new.safetensors -j --dry-run --profile tuned1.yml | sed -n 's/.*"patch_bytes": \([0-9]*\).*/\1/p')
for s in auto raw zstd zstd-ref xor xor-planes sub sub-planes exp-man sparse mix neural neural-max; do
    size=$("$MALLORN" diff old.safetensors new.safetensors -j --dry-run -s $s -l 20 --index never | sed -n 's/.*"patch_bytes": \([0-9]*\).*/\1/p')
    [ "$best" -le "$size" ] || fail "tuned patch of $best is larger than $size of $s"
done
"$MALLORN" tune old.safetensors new.safetensors --max-size 60 -o none.yml >said.out 2>said.err
[ $? = 10 ] && grep -q 'nothing fits; the nearest plan' said.err && grep -q 'binds: model.layers' said.err || { fail "nothing fits"; cat said.err; }
[ ! -e none.yml ] || fail "a profile that does not fit was written"

# Settings: environment before project before user before default.
export HOME="$work/home" XDG_CONFIG_HOME=
mkdir -p "$HOME/.config/mallorn"
printf 'level: 7\ndevice: 16M\n' >"$HOME/.config/mallorn/config.yml"
printf 'level: 9 # here\n' >.mallorn.yml
"$MALLORN" config >said.out || fail "config"
grep -q '^level *9 *.mallorn.yml:1$' said.out || fail "config: project"
grep -q '^device *16M *.*/config.yml:2$' said.out || fail "config: user"
grep -q '^index *auto *default$' said.out || fail "config: default"
MALLORN_LEVEL=3 "$MALLORN" config | grep -q '^level *3 *MALLORN_LEVEL$' || fail "config: environment"
printf 'levle: 9\n' >.mallorn.yml
"$MALLORN" config 2>said.err
[ $? = 2 ] && grep -q "config: .mallorn.yml:1:1: unknown setting 'levle'; did you mean 'level'?" said.err || fail "config: bad file"
printf 'profile: p.yml\n' >.mallorn.yml
"$MALLORN" diff old.safetensors evil.safetensors --dry-run -q 2>/dev/null
[ $? = 10 ] || fail "the project's profile is obeyed"
rm .mallorn.yml

# Patches side by side, of one pair only.
"$MALLORN" diff old.safetensors new.safetensors -s raw -q -o raw.sftp && "$MALLORN" compare raw.sftp p1 >said.out || fail "compare"
grep -q '^raw.sftp .*100.0% .* raw$' said.out && grep -q '^p1 .* xor-planes' said.out || { fail "compare"; cat said.out; }
"$MALLORN" diff old.safetensors nan.safetensors -q -o nan.sftp
"$MALLORN" compare raw.sftp nan.sftp 2>/dev/null
[ $? = 2 ] || fail "compare: another pair"

exit $bad
