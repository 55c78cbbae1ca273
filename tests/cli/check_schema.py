"""check_schema.py SCHEMA REPORT...: each report is valid and has no member the schema does
not name. Without the jsonschema package only required and unknown members of the outermost
object are looked at."""
import json
import sys


def strict(rules):
    """The same schema, refusing members that it does not name."""
    if isinstance(rules, list):
        return [strict(r) for r in rules]
    if not isinstance(rules, dict):
        return rules
    out = {key: strict(value) for key, value in rules.items()}
    if isinstance(rules.get("properties"), dict) and rules.get("type") == "object":
        out["additionalProperties"] = False
    return out


def check(schema, report):
    try:
        import jsonschema
    except ImportError:
        unknown = set(report) - set(schema["properties"])
        missing = set(schema["required"]) - set(report)
        if unknown or missing:
            raise ValueError(f"unknown {sorted(unknown)}, missing {sorted(missing)}")
        return
    jsonschema.validate(report, strict(schema))


with open(sys.argv[1], encoding="utf-8") as f:
    rules = json.load(f)
bad = 0
for path in sys.argv[2:]:
    try:
        with open(path, encoding="utf-8") as f:
            check(rules, json.load(f))
    except Exception as error:  # any reason is reported and counts
        print(f"{path}: {str(error).splitlines()[0]}")
        bad = 1
sys.exit(bad)
