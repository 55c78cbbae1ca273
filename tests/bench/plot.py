"""One picture of a comparison: for every tool its ratio (geometric mean over the pairs) against
the rate at which its patches apply (median, in new bytes a second). Plain SVG, no libraries."""
import math
import statistics

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 480, 70, 210, 50, 60


def summary(rows):
    """tool -> (ratio, bytes a second), for the tools that were run and did every pair."""
    by_tool = {}
    for pair, size, tool, patch, _, _, apply_s, *_ in rows:
        if patch and apply_s:
            by_tool.setdefault(tool, {})[pair] = (size / patch, size / max(float(apply_s), 1e-4))
    most = max((len(v) for v in by_tool.values()), default=0)
    points = {}
    for tool, values in by_tool.items():
        if len(values) == most:
            ratio = math.exp(statistics.fmean(math.log(r) for r, _ in values.values()))
            points[tool] = (ratio, statistics.median(s for _, s in values.values()))
    return points, most


def ticks(low, high):
    steps = [m * 10.0 ** e for e in range(-2, 13) for m in (1, 2, 5)]
    return [s for s in steps if low <= s <= high]


def ratio_against_speed(rows):
    points, pairs = summary(rows)
    if not points:
        return '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>\n'
    speeds = [s for _, s in points.values()]
    ratios = [r for r, _ in points.values()]
    x0, x1, y0, y1 = min(speeds) / 1.6, max(speeds) * 1.6, min(ratios) / 1.25, max(ratios) * 1.25

    def x(speed):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(speed / x0) / math.log(x1 / x0)

    def y(ratio):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(ratio / y0) / math.log(y1 / y0)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="13">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           f'<text x="{LEFT}" y="26" font-size="16" fill="#1f2933">Patch size against apply speed, {pairs} pairs '
           '(up and right is better)</text>']
    for tick in ticks(x0, x1):
        out.append(f'<path d="M{x(tick):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e7eb"/>'
                   f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle" fill="#52606d">{tick / 1e6:g}</text>')
    for tick in ticks(y0, y1):
        out.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#e4e7eb"/>'
                   f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#52606d">{tick:g}x</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 14}" text-anchor="middle" fill="#52606d">'
               'apply, MB/s of new bytes (median)</text>')
    out.append(f'<text x="18" y="{HEIGHT / 2:.0f}" transform="rotate(-90 18 {HEIGHT / 2:.0f})" text-anchor="middle" '
               'fill="#52606d">new bytes / patch bytes (geometric mean)</text>')
    out += labelled_points(points, x, y)
    return "\n".join(out + ["</svg>"]) + "\n"


def labelled_points(points, x, y):
    """Dots, and their names to the right, moved apart where they would overlap."""
    taken, out = [], []
    for tool, (ratio, speed) in sorted(points.items(), key=lambda p: -p[1][0]):
        px, py = x(speed), y(ratio)
        label = py + 4
        while any(abs(label - other) < 15 and abs(px - ox) < 180 for ox, other in taken):
            label += 15
        taken.append((px, label))
        colour = "#0b7285" if tool.startswith("mallorn") else "#a61e4d"
        out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5" fill="{colour}"/>'
                   f'<path d="M{px:.1f} {py:.1f}L{px + 10:.1f} {label - 4:.1f}" stroke="{colour}"/>'
                   f'<text x="{px + 12:.1f}" y="{label:.1f}" fill="{colour}">{tool}</text>')
    return out
