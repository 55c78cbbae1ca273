/*
 * A small TFLite model in the notation of fb_build.h, every place of it named: one fully
 * connected layer with an int8 weight of 2 x 3, quantized per row, a metadata entry and a
 * signature. Tests poke values into places or put other text for its parts.
 */
#ifndef MLR_TESTS_SUPPORT_TFL_SAMPLE_H
#define MLR_TESTS_SUPPORT_TFL_SAMPLE_H

/* The root table; external buffers are fields 8 and 9. */
#define TFL_MODEL                                                                          \
    "%model 'TFL3' model_vt: h20 h32 h4 h8 h12 h16 h20 h0 h24 h28 "                        \
    "model: <model_vt m_version: =3 m_codes: >codes m_graphs: >graphs m_desc: >desc "      \
    "       m_buffers: >buffers m_meta: >metas m_sigs: >sigs "
#define TFL_CODES                                                                          \
    "desc: =4 'test' desc_nul: 00 . codes: =1 codes0: >code "                              \
    "code_vt: h12 h12 h4 h0 h0 h8 . code: <code_vt 09 ~3:00 =9 "
#define TFL_GRAPH                                                                          \
    "graphs: =1 graphs0: >graph graph_vt: h14 h24 h4 h8 h12 h16 h20 . "                    \
    "graph: <graph_vt g_tensors: >tensors g_inputs: >ins g_outputs: >outs g_ops: >ops "    \
    "       g_name: >gname "                                                               \
    "ins: =1 ins0: =0 outs: =1 outs0: =2 gname: =4 'main' gname_nul: 00 . "
#define TFL_TENSORS                                                                        \
    "tensors: =3 t0: >tin t1: >tw t2: >tout "                                              \
    "tensor_vt: h14 h24 h4 h20 h8 h12 h16 . "                                              \
    "tw: <tensor_vt w_shape: >wshape w_buffer: =1 w_name: >wname w_quant: >wq "            \
    "    w_type: 09 ~3:00 "                                                                \
    "small_vt: h12 h12 h4 h0 h0 h8 tin: <small_vt i_shape: >wshape i_name: >iname "        \
    "tout: <small_vt o_shape: >wshape o_name: >oname "                                     \
    "wshape: =2 wdims: =2 =3 wname: =1 'W' wname_nul: 00 . "                               \
    "iname: =1 'x' 00 . oname: =1 'y' 00 . "
#define TFL_QUANT                                                                          \
    "wq_vt: h18 h16 h0 h0 h4 h8 h0 h0 h12 . "                                              \
    "wq: <wq_vt q_scale: >scale q_zero: >zero q_dim: =0 "                                  \
    "scale: =2 0000803f 00000040 zero: =2 q0 q-5 "
#define TFL_OPERATORS                                                                      \
    "ops: =1 ops0: >op op_vt: h10 h16 h4 h8 h12 . op: <op_vt op_code: =0 op_in: >opin "    \
    "    op_out: >opout opin: =3 opin0: =0 =1 =-1 opout: =1 opout0: =2 "
#define TFL_BUFFERS                                                                        \
    "buffers: =3 b0: >buf0 b1: >buf1 b2: >buf2 buf0_vt: h4 h4 buf0: <buf0_vt "             \
    "buf_vt: h6 h8 h4 . buf1: <buf_vt b1_data: >wdata wdata: =6 010203040506 . "           \
    "buf2: <buf_vt b2_data: >mdata mdata: =4 'meta' "
#define TFL_EXTRAS                                                                         \
    "metas: =1 metas0: >meta meta_vt: h8 h12 h4 h8 meta: <meta_vt me_name: >mename "       \
    "       me_buffer: =2 mename: =3 'min' mename_nul: 00 "                                \
    "sigs: =1 sigs0: >sig sig_vt: h14 h12 h0 h0 h4 h0 h8 . sig: <sig_vt si_key: >sikey "   \
    "      si_graph: =0 sikey: =3 'run' sikey_nul: 00 "

#define TFL_SAMPLE                                                                         \
    TFL_MODEL TFL_CODES TFL_GRAPH TFL_TENSORS TFL_QUANT TFL_OPERATORS TFL_BUFFERS TFL_EXTRAS

#endif
