"""Models of what is active, made from figures of the datasheets that the kinds name; none is a maker's file."""

from __future__ import annotations

from typing import Final


def amplifier(
    name: str, *, gain_db: float, bandwidth_hz: float, slew_v_per_s: float, headroom_volts: float, ohm: float
) -> str:
    """One pole, a slew rate, an output that stops before its rails, an offset that is given where it is used."""
    gain = 10 ** (gain_db / 20)
    farad = 1e-9
    siemens = bandwidth_hz * 6.283185307 * farad
    amps = slew_v_per_s * farad
    return f"""
.subckt {name} p n vp vn o params: vos=0
Bdiff d 0 V=V(p)-V(n)+vos
Bpole 0 x I={amps:.6g}*tanh({siemens:.6g}*V(d)/{amps:.6g})
Rpole x 0 {gain / siemens:.6g}
Cpole x 0 {farad:g}
Bstop x 0 I=V(x)>V(vp)-{headroom_volts:g} ? (V(x)-V(vp)+{headroom_volts:g})*0.1
+ : (V(x)<V(vn)+{headroom_volts:g} ? (V(x)-V(vn)-{headroom_volts:g})*0.1 : 0)
Bout b 0 V=V(x)
Rout b o {ohm:g}
Rp p 0 1e12
Rn n 0 1e12
.ends
"""


LIBRARY: Final = (
    amplifier("mcp6004", gain_db=112, bandwidth_hz=1e6, slew_v_per_s=0.6e6, headroom_volts=0.025, ohm=50)
    + amplifier("opa1678", gain_db=114, bandwidth_hz=16e6, slew_v_per_s=9e6, headroom_volts=0.5, ohm=20)
    + """
.subckt ahct125 a g v y
Bout b g V=V(a,g)>1.4 ? V(v,g) : 0
Rout b y 40
.ends
.model d1n4148 D(is=4.4n n=1.9 rs=0.6 bv=100 cjo=0.9p tt=4n)
.model dbav199 D(is=10f n=1.15 rs=1.0 bv=85 cjo=2p tt=600n)
.model dbat54 D(is=0.2u n=1.05 rs=2.0 bv=30 cjo=10p)
.model dss34 D(is=5u n=1.05 rs=0.03 bv=40 cjo=250p)
.model q3904 NPN(is=7f bf=300 vaf=75 br=4 ikf=0.07 rc=1 rb=10 cje=4.5p cjc=3.6p tf=0.3n)
.model q3906 PNP(is=1.4f bf=200 vaf=60 br=4 ikf=0.08 rc=1 rb=10 cje=8p cjc=9p tf=0.6n)
.model pao3401 PMOS(level=1 vto=-1.0 kp=2.4 rd=0.02 rs=0.01 cgso=0 cgdo=0)
"""
)
"""Figures: MCP6004 DS21733 (1 MHz, 0.6 V/µs, 25 mV from the rails), OPA1678 SBOS855 (16 MHz, 9 V/µs, 114 dB),
1N4148W, BAV199 (5 pA at 25 °C), SS34 (0.5 V at 3 A), MMBT3904/3906 (Ebers-Moll by hand), AO3401A (50 mΩ at −10 V),
74AHCT1G125 (threshold 1.4 V, 0.36 V lost at 8 mA)."""
