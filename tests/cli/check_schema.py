"""check_schema.py SCHEMA REPORT...: each report is valid and has no member the schema does
not name; each member that the schema names is described. Knows the part of JSON Schema that
our schemas use, and refuses a schema that uses more."""
import json
import sys

KNOWN = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "properties",
         "required", "items", "enum", "const", "minimum", "maximum", "anyOf", "oneOf", "not",
         "if", "then", "additionalProperties", "minItems", "maxItems", "pattern"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def refuse(where, why):
    raise ValueError(f"{where}: {why}")


def holds(rule, value, where):
    try:
        check(rule, value, where)
        return True
    except ValueError:
        return False


def check_object(rule, value, where):
    names = rule.get("properties", {})
    for name in rule.get("required", []):
        if name not in value:
            refuse(where, f"no {name}")
    for name, member in value.items():
        if name in names:
            check(names[name], member, f"{where}.{name}")
        elif isinstance(rule.get("additionalProperties"), dict):
            check(rule["additionalProperties"], member, f"{where}.{name}")
        elif names and rule.get("type") == "object":
            refuse(where, f"{name} is not in the schema")


def check_number(rule, value, where):
    if value < rule.get("minimum", value) or value > rule.get("maximum", value):
        refuse(where, f"{value} is out of range")


def check_choice(rule, value, where):
    fits = [holds(r, value, where) for r in rule.get("anyOf", rule.get("oneOf", []))]
    if ("anyOf" in rule and not any(fits)) or ("oneOf" in rule and sum(fits) != 1):
        refuse(where, f"fits {sum(fits)} of {len(fits)} alternatives")
    if "not" in rule and holds(rule["not"], value, where):
        refuse(where, "is what it must not be")
    if "if" in rule and holds(rule["if"], value, where):
        check(rule.get("then", {}), value, where)


def check(rule, value, where):
    if set(rule) - KNOWN:
        raise SystemExit(f"the schema uses {sorted(set(rule) - KNOWN)}")
    if "$ref" in rule:
        check(rules["$defs"][rule["$ref"].rsplit("/", 1)[1]], value, where)
    types = rule.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, t) for t in types):
        refuse(where, f"{value!r} is no {' or '.join(types)}")
    if "enum" in rule and value not in rule["enum"]:
        refuse(where, f"{value!r} is none of {rule['enum']}")
    if "const" in rule and value != rule["const"]:
        refuse(where, f"{value!r} is not {rule['const']!r}")
    if isinstance(value, dict):
        check_object(rule, value, where)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            check(rule.get("items", {}), item, f"{where}[{i}]")
        if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)):
            refuse(where, f"{len(value)} items")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        check_number(rule, value, where)
    check_choice(rule, value, where)


def undescribed(rule, where):
    """Members without a description, of their own or of what they refer to."""
    if isinstance(rule, list):
        return [w for i, r in enumerate(rule) for w in undescribed(r, f"{where}[{i}]")]
    if not isinstance(rule, dict):
        return []
    found = []
    for name, member in rule.get("properties", {}).items():
        target = member
        if "$ref" in member:
            target = rules["$defs"][member["$ref"].rsplit("/", 1)[1]]
        told = "description" in member or "description" in target or "const" in member
        found += [] if told or "properties" in target else [f"{where}.{name}"]
    for name, part in rule.items():
        found += undescribed(part, f"{where}.{name}" if name != "properties" else where)
    return found


with open(sys.argv[1], encoding="utf-8") as f:
    rules = json.load(f)
bad = 0
for where in undescribed(rules, "schema"):
    print(f"{where}: not described")
    bad = 1
for path in sys.argv[2:]:
    try:
        with open(path, encoding="utf-8") as f:
            check(rules, json.load(f), "report")
    except ValueError as error:
        print(f"{path}: {str(error).splitlines()[0]}")
        bad = 1
sys.exit(bad)
