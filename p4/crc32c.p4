// SCTP's checksum is a CRC32c, which is linear: what a change of the ports does to it is the CRC of the change followed by as
// many zero bytes as the segment has left. ADVANCE_k carries a (reflected) CRC register over 2^k zero bytes; its constants
// are the columns of that matrix, polynomial 0x82f63b78. Like the other checksums, a wrong one stays wrong. RFC 9260 §6.8
#ifndef CRC32C_P4
#define CRC32C_P4
#include "headers.p4"
#include "metadata.p4"

#define BIT(n, column) ((32w0 - (bit<32>)r[n:n]) & column)
#define ADVANCE_0 \
  (BIT(0, 0xf26b8303) ^ BIT(1, 0xe13b70f7) ^ BIT(2, 0xc79a971f) ^ BIT(3, 0x8ad958cf) ^ \
   BIT(4, 0x105ec76f) ^ BIT(5, 0x20bd8ede) ^ BIT(6, 0x417b1dbc) ^ BIT(7, 0x82f63b78) ^ \
   BIT(8, 0x00000001) ^ BIT(9, 0x00000002) ^ BIT(10, 0x00000004) ^ BIT(11, 0x00000008) ^ \
   BIT(12, 0x00000010) ^ BIT(13, 0x00000020) ^ BIT(14, 0x00000040) ^ BIT(15, 0x00000080) ^ \
   BIT(16, 0x00000100) ^ BIT(17, 0x00000200) ^ BIT(18, 0x00000400) ^ BIT(19, 0x00000800) ^ \
   BIT(20, 0x00001000) ^ BIT(21, 0x00002000) ^ BIT(22, 0x00004000) ^ BIT(23, 0x00008000) ^ \
   BIT(24, 0x00010000) ^ BIT(25, 0x00020000) ^ BIT(26, 0x00040000) ^ BIT(27, 0x00080000) ^ \
   BIT(28, 0x00100000) ^ BIT(29, 0x00200000) ^ BIT(30, 0x00400000) ^ BIT(31, 0x00800000))
#define ADVANCE_1 \
  (BIT(0, 0x13a29877) ^ BIT(1, 0x274530ee) ^ BIT(2, 0x4e8a61dc) ^ BIT(3, 0x9d14c3b8) ^ \
   BIT(4, 0x3fc5f181) ^ BIT(5, 0x7f8be302) ^ BIT(6, 0xff17c604) ^ BIT(7, 0xfbc3faf9) ^ \
   BIT(8, 0xf26b8303) ^ BIT(9, 0xe13b70f7) ^ BIT(10, 0xc79a971f) ^ BIT(11, 0x8ad958cf) ^ \
   BIT(12, 0x105ec76f) ^ BIT(13, 0x20bd8ede) ^ BIT(14, 0x417b1dbc) ^ BIT(15, 0x82f63b78) ^ \
   BIT(16, 0x00000001) ^ BIT(17, 0x00000002) ^ BIT(18, 0x00000004) ^ BIT(19, 0x00000008) ^ \
   BIT(20, 0x00000010) ^ BIT(21, 0x00000020) ^ BIT(22, 0x00000040) ^ BIT(23, 0x00000080) ^ \
   BIT(24, 0x00000100) ^ BIT(25, 0x00000200) ^ BIT(26, 0x00000400) ^ BIT(27, 0x00000800) ^ \
   BIT(28, 0x00001000) ^ BIT(29, 0x00002000) ^ BIT(30, 0x00004000) ^ BIT(31, 0x00008000))
#define ADVANCE_2 \
  (BIT(0, 0xdd45aab8) ^ BIT(1, 0xbf672381) ^ BIT(2, 0x7b2231f3) ^ BIT(3, 0xf64463e6) ^ \
   BIT(4, 0xe964b13d) ^ BIT(5, 0xd725148b) ^ BIT(6, 0xaba65fe7) ^ BIT(7, 0x52a0c93f) ^ \
   BIT(8, 0xa541927e) ^ BIT(9, 0x4f6f520d) ^ BIT(10, 0x9edea41a) ^ BIT(11, 0x38513ec5) ^ \
   BIT(12, 0x70a27d8a) ^ BIT(13, 0xe144fb14) ^ BIT(14, 0xc76580d9) ^ BIT(15, 0x8b277743) ^ \
   BIT(16, 0x13a29877) ^ BIT(17, 0x274530ee) ^ BIT(18, 0x4e8a61dc) ^ BIT(19, 0x9d14c3b8) ^ \
   BIT(20, 0x3fc5f181) ^ BIT(21, 0x7f8be302) ^ BIT(22, 0xff17c604) ^ BIT(23, 0xfbc3faf9) ^ \
   BIT(24, 0xf26b8303) ^ BIT(25, 0xe13b70f7) ^ BIT(26, 0xc79a971f) ^ BIT(27, 0x8ad958cf) ^ \
   BIT(28, 0x105ec76f) ^ BIT(29, 0x20bd8ede) ^ BIT(30, 0x417b1dbc) ^ BIT(31, 0x82f63b78))
#define ADVANCE_3 \
  (BIT(0, 0x493c7d27) ^ BIT(1, 0x9278fa4e) ^ BIT(2, 0x211d826d) ^ BIT(3, 0x423b04da) ^ \
   BIT(4, 0x847609b4) ^ BIT(5, 0x0d006599) ^ BIT(6, 0x1a00cb32) ^ BIT(7, 0x34019664) ^ \
   BIT(8, 0x68032cc8) ^ BIT(9, 0xd0065990) ^ BIT(10, 0xa5e0c5d1) ^ BIT(11, 0x4e2dfd53) ^ \
   BIT(12, 0x9c5bfaa6) ^ BIT(13, 0x3d5b83bd) ^ BIT(14, 0x7ab7077a) ^ BIT(15, 0xf56e0ef4) ^ \
   BIT(16, 0xef306b19) ^ BIT(17, 0xdb8ca0c3) ^ BIT(18, 0xb2f53777) ^ BIT(19, 0x6006181f) ^ \
   BIT(20, 0xc00c303e) ^ BIT(21, 0x85f4168d) ^ BIT(22, 0x0e045beb) ^ BIT(23, 0x1c08b7d6) ^ \
   BIT(24, 0x38116fac) ^ BIT(25, 0x7022df58) ^ BIT(26, 0xe045beb0) ^ BIT(27, 0xc5670b91) ^ \
   BIT(28, 0x8f2261d3) ^ BIT(29, 0x1ba8b557) ^ BIT(30, 0x37516aae) ^ BIT(31, 0x6ea2d55c))
#define ADVANCE_4 \
  (BIT(0, 0xf20c0dfe) ^ BIT(1, 0xe1f46d0d) ^ BIT(2, 0xc604aceb) ^ BIT(3, 0x89e52f27) ^ \
   BIT(4, 0x162628bf) ^ BIT(5, 0x2c4c517e) ^ BIT(6, 0x5898a2fc) ^ BIT(7, 0xb13145f8) ^ \
   BIT(8, 0x678efd01) ^ BIT(9, 0xcf1dfa02) ^ BIT(10, 0x9bd782f5) ^ BIT(11, 0x3243731b) ^ \
   BIT(12, 0x6486e636) ^ BIT(13, 0xc90dcc6c) ^ BIT(14, 0x97f7ee29) ^ BIT(15, 0x2a03aaa3) ^ \
   BIT(16, 0x54075546) ^ BIT(17, 0xa80eaa8c) ^ BIT(18, 0x55f123e9) ^ BIT(19, 0xabe247d2) ^ \
   BIT(20, 0x5228f955) ^ BIT(21, 0xa451f2aa) ^ BIT(22, 0x4d4f93a5) ^ BIT(23, 0x9a9f274a) ^ \
   BIT(24, 0x30d23865) ^ BIT(25, 0x61a470ca) ^ BIT(26, 0xc348e194) ^ BIT(27, 0x837db5d9) ^ \
   BIT(28, 0x03171d43) ^ BIT(29, 0x062e3a86) ^ BIT(30, 0x0c5c750c) ^ BIT(31, 0x18b8ea18))
#define ADVANCE_5 \
  (BIT(0, 0x3da6d0cb) ^ BIT(1, 0x7b4da196) ^ BIT(2, 0xf69b432c) ^ BIT(3, 0xe8daf0a9) ^ \
   BIT(4, 0xd45997a3) ^ BIT(5, 0xad5f59b7) ^ BIT(6, 0x5f52c59f) ^ BIT(7, 0xbea58b3e) ^ \
   BIT(8, 0x78a7608d) ^ BIT(9, 0xf14ec11a) ^ BIT(10, 0xe771f4c5) ^ BIT(11, 0xcb0f9f7b) ^ \
   BIT(12, 0x93f34807) ^ BIT(13, 0x220ae6ff) ^ BIT(14, 0x4415cdfe) ^ BIT(15, 0x882b9bfc) ^ \
   BIT(16, 0x15bb4109) ^ BIT(17, 0x2b768212) ^ BIT(18, 0x56ed0424) ^ BIT(19, 0xadda0848) ^ \
   BIT(20, 0x5e586661) ^ BIT(21, 0xbcb0ccc2) ^ BIT(22, 0x7c8def75) ^ BIT(23, 0xf91bdeea) ^ \
   BIT(24, 0xf7dbcb25) ^ BIT(25, 0xea5be0bb) ^ BIT(26, 0xd15bb787) ^ BIT(27, 0xa75b19ff) ^ \
   BIT(28, 0x4b5a450f) ^ BIT(29, 0x96b48a1e) ^ BIT(30, 0x288562cd) ^ BIT(31, 0x510ac59a))
#define ADVANCE_6 \
  (BIT(0, 0x740eef02) ^ BIT(1, 0xe81dde04) ^ BIT(2, 0xd5d7caf9) ^ BIT(3, 0xae43e303) ^ \
   BIT(4, 0x596bb0f7) ^ BIT(5, 0xb2d761ee) ^ BIT(6, 0x6042b52d) ^ BIT(7, 0xc0856a5a) ^ \
   BIT(8, 0x84e6a245) ^ BIT(9, 0x0c21327b) ^ BIT(10, 0x184264f6) ^ BIT(11, 0x3084c9ec) ^ \
   BIT(12, 0x610993d8) ^ BIT(13, 0xc21327b0) ^ BIT(14, 0x81ca3991) ^ BIT(15, 0x067805d3) ^ \
   BIT(16, 0x0cf00ba6) ^ BIT(17, 0x19e0174c) ^ BIT(18, 0x33c02e98) ^ BIT(19, 0x67805d30) ^ \
   BIT(20, 0xcf00ba60) ^ BIT(21, 0x9bed0231) ^ BIT(22, 0x32367293) ^ BIT(23, 0x646ce526) ^ \
   BIT(24, 0xc8d9ca4c) ^ BIT(25, 0x945fe269) ^ BIT(26, 0x2d53b223) ^ BIT(27, 0x5aa76446) ^ \
   BIT(28, 0xb54ec88c) ^ BIT(29, 0x6f71e7e9) ^ BIT(30, 0xdee3cfd2) ^ BIT(31, 0xb82be955))
#define ADVANCE_7 \
  (BIT(0, 0x6992cea2) ^ BIT(1, 0xd3259d44) ^ BIT(2, 0xa3a74c79) ^ BIT(3, 0x42a2ee03) ^ \
   BIT(4, 0x8545dc06) ^ BIT(5, 0x0f67cefd) ^ BIT(6, 0x1ecf9dfa) ^ BIT(7, 0x3d9f3bf4) ^ \
   BIT(8, 0x7b3e77e8) ^ BIT(9, 0xf67cefd0) ^ BIT(10, 0xe915a951) ^ BIT(11, 0xd7c72453) ^ \
   BIT(12, 0xaa623e57) ^ BIT(13, 0x51280a5f) ^ BIT(14, 0xa25014be) ^ BIT(15, 0x414c5f8d) ^ \
   BIT(16, 0x8298bf1a) ^ BIT(17, 0x00dd08c5) ^ BIT(18, 0x01ba118a) ^ BIT(19, 0x03742314) ^ \
   BIT(20, 0x06e84628) ^ BIT(21, 0x0dd08c50) ^ BIT(22, 0x1ba118a0) ^ BIT(23, 0x37423140) ^ \
   BIT(24, 0x6e846280) ^ BIT(25, 0xdd08c500) ^ BIT(26, 0xbffdfcf1) ^ BIT(27, 0x7a178f13) ^ \
   BIT(28, 0xf42f1e26) ^ BIT(29, 0xedb24abd) ^ BIT(30, 0xde88e38b) ^ BIT(31, 0xb8fdb1e7))
#define ADVANCE_8 \
  (BIT(0, 0xdcb17aa4) ^ BIT(1, 0xbc8e83b9) ^ BIT(2, 0x7cf17183) ^ BIT(3, 0xf9e2e306) ^ \
   BIT(4, 0xf629b0fd) ^ BIT(5, 0xe9bf170b) ^ BIT(6, 0xd69258e7) ^ BIT(7, 0xa8c8c73f) ^ \
   BIT(8, 0x547df88f) ^ BIT(9, 0xa8fbf11e) ^ BIT(10, 0x541b94cd) ^ BIT(11, 0xa837299a) ^ \
   BIT(12, 0x558225c5) ^ BIT(13, 0xab044b8a) ^ BIT(14, 0x53e4e1e5) ^ BIT(15, 0xa7c9c3ca) ^ \
   BIT(16, 0x4a7ff165) ^ BIT(17, 0x94ffe2ca) ^ BIT(18, 0x2c13b365) ^ BIT(19, 0x582766ca) ^ \
   BIT(20, 0xb04ecd94) ^ BIT(21, 0x6571edd9) ^ BIT(22, 0xcae3dbb2) ^ BIT(23, 0x902bc195) ^ \
   BIT(24, 0x25bbf5db) ^ BIT(25, 0x4b77ebb6) ^ BIT(26, 0x96efd76c) ^ BIT(27, 0x2833d829) ^ \
   BIT(28, 0x5067b052) ^ BIT(29, 0xa0cf60a4) ^ BIT(30, 0x4472b7b9) ^ BIT(31, 0x88e56f72))
#define ADVANCE_9 \
  (BIT(0, 0xbd6f81f8) ^ BIT(1, 0x7f337501) ^ BIT(2, 0xfe66ea02) ^ BIT(3, 0xf921a2f5) ^ \
   BIT(4, 0xf7af331b) ^ BIT(5, 0xeab210c7) ^ BIT(6, 0xd088577f) ^ BIT(7, 0xa4fcd80f) ^ \
   BIT(8, 0x4c15c6ef) ^ BIT(9, 0x982b8dde) ^ BIT(10, 0x35bb6d4d) ^ BIT(11, 0x6b76da9a) ^ \
   BIT(12, 0xd6edb534) ^ BIT(13, 0xa8371c99) ^ BIT(14, 0x55824fc3) ^ BIT(15, 0xab049f86) ^ \
   BIT(16, 0x53e549fd) ^ BIT(17, 0xa7ca93fa) ^ BIT(18, 0x4a795105) ^ BIT(19, 0x94f2a20a) ^ \
   BIT(20, 0x2c0932e5) ^ BIT(21, 0x581265ca) ^ BIT(22, 0xb024cb94) ^ BIT(23, 0x65a5e1d9) ^ \
   BIT(24, 0xcb4bc3b2) ^ BIT(25, 0x937bf195) ^ BIT(26, 0x231b95db) ^ BIT(27, 0x46372bb6) ^ \
   BIT(28, 0x8c6e576c) ^ BIT(29, 0x1d30d829) ^ BIT(30, 0x3a61b052) ^ BIT(31, 0x74c360a4))
#define ADVANCE_10 \
  (BIT(0, 0xfe314258) ^ BIT(1, 0xf98ef241) ^ BIT(2, 0xf6f19273) ^ BIT(3, 0xe80f5217) ^ \
   BIT(4, 0xd5f2d2df) ^ BIT(5, 0xae09d34f) ^ BIT(6, 0x59ffd06f) ^ BIT(7, 0xb3ffa0de) ^ \
   BIT(8, 0x6213374d) ^ BIT(9, 0xc4266e9a) ^ BIT(10, 0x8da0abc5) ^ BIT(11, 0x1ead217b) ^ \
   BIT(12, 0x3d5a42f6) ^ BIT(13, 0x7ab485ec) ^ BIT(14, 0xf5690bd8) ^ BIT(15, 0xef3e6141) ^ \
   BIT(16, 0xdb90b473) ^ BIT(17, 0xb2cd1e17) ^ BIT(18, 0x60764adf) ^ BIT(19, 0xc0ec95be) ^ \
   BIT(20, 0x84355d8d) ^ BIT(21, 0x0d86cdeb) ^ BIT(22, 0x1b0d9bd6) ^ BIT(23, 0x361b37ac) ^ \
   BIT(24, 0x6c366f58) ^ BIT(25, 0xd86cdeb0) ^ BIT(26, 0xb535cb91) ^ BIT(27, 0x6f87e1d3) ^ \
   BIT(28, 0xdf0fc3a6) ^ BIT(29, 0xbbf3f1bd) ^ BIT(30, 0x720b958b) ^ BIT(31, 0xe4172b16))
#define ADVANCE_11 \
  (BIT(0, 0xf7506984) ^ BIT(1, 0xeb4ca5f9) ^ BIT(2, 0xd3753d03) ^ BIT(3, 0xa3060cf7) ^ \
   BIT(4, 0x43e06f1f) ^ BIT(5, 0x87c0de3e) ^ BIT(6, 0x0a6dca8d) ^ BIT(7, 0x14db951a) ^ \
   BIT(8, 0x29b72a34) ^ BIT(9, 0x536e5468) ^ BIT(10, 0xa6dca8d0) ^ BIT(11, 0x48552751) ^ \
   BIT(12, 0x90aa4ea2) ^ BIT(13, 0x24b8ebb5) ^ BIT(14, 0x4971d76a) ^ BIT(15, 0x92e3aed4) ^ \
   BIT(16, 0x202b2b59) ^ BIT(17, 0x405656b2) ^ BIT(18, 0x80acad64) ^ BIT(19, 0x04b52c39) ^ \
   BIT(20, 0x096a5872) ^ BIT(21, 0x12d4b0e4) ^ BIT(22, 0x25a961c8) ^ BIT(23, 0x4b52c390) ^ \
   BIT(24, 0x96a58720) ^ BIT(25, 0x28a778b1) ^ BIT(26, 0x514ef162) ^ BIT(27, 0xa29de2c4) ^ \
   BIT(28, 0x40d7b379) ^ BIT(29, 0x81af66f2) ^ BIT(30, 0x06b2bb15) ^ BIT(31, 0x0d65762a))
#define ADVANCE_12 \
  (BIT(0, 0xc2a5b65e) ^ BIT(1, 0x80a71a4d) ^ BIT(2, 0x04a2426b) ^ BIT(3, 0x094484d6) ^ \
   BIT(4, 0x128909ac) ^ BIT(5, 0x25121358) ^ BIT(6, 0x4a2426b0) ^ BIT(7, 0x94484d60) ^ \
   BIT(8, 0x2d7cec31) ^ BIT(9, 0x5af9d862) ^ BIT(10, 0xb5f3b0c4) ^ BIT(11, 0x6e0b1779) ^ \
   BIT(12, 0xdc162ef2) ^ BIT(13, 0xbdc02b15) ^ BIT(14, 0x7e6c20db) ^ BIT(15, 0xfcd841b6) ^ \
   BIT(16, 0xfc5cf59d) ^ BIT(17, 0xfd559dcb) ^ BIT(18, 0xff474d67) ^ BIT(19, 0xfb62ec3f) ^ \
   BIT(20, 0xf329ae8f) ^ BIT(21, 0xe3bf2bef) ^ BIT(22, 0xc292212f) ^ BIT(23, 0x80c834af) ^ \
   BIT(24, 0x047c1faf) ^ BIT(25, 0x08f83f5e) ^ BIT(26, 0x11f07ebc) ^ BIT(27, 0x23e0fd78) ^ \
   BIT(28, 0x47c1faf0) ^ BIT(29, 0x8f83f5e0) ^ BIT(30, 0x1aeb9d31) ^ BIT(31, 0x35d73a62))
#define ADVANCE_13 \
  (BIT(0, 0xe040e0ac) ^ BIT(1, 0xc56db7a9) ^ BIT(2, 0x8f3719a3) ^ BIT(3, 0x1b8245b7) ^ \
   BIT(4, 0x37048b6e) ^ BIT(5, 0x6e0916dc) ^ BIT(6, 0xdc122db8) ^ BIT(7, 0xbdc82d81) ^ \
   BIT(8, 0x7e7c2df3) ^ BIT(9, 0xfcf85be6) ^ BIT(10, 0xfc1cc13d) ^ BIT(11, 0xfdd5f48b) ^ \
   BIT(12, 0xfe479fe7) ^ BIT(13, 0xf963493f) ^ BIT(14, 0xf72ae48f) ^ BIT(15, 0xebb9bfef) ^ \
   BIT(16, 0xd29f092f) ^ BIT(17, 0xa0d264af) ^ BIT(18, 0x4448bfaf) ^ BIT(19, 0x88917f5e) ^ \
   BIT(20, 0x14ce884d) ^ BIT(21, 0x299d109a) ^ BIT(22, 0x533a2134) ^ BIT(23, 0xa6744268) ^ \
   BIT(24, 0x4904f221) ^ BIT(25, 0x9209e442) ^ BIT(26, 0x21ffbe75) ^ BIT(27, 0x43ff7cea) ^ \
   BIT(28, 0x87fef9d4) ^ BIT(29, 0x0a118559) ^ BIT(30, 0x14230ab2) ^ BIT(31, 0x28461564))
#define ADVANCE_14 \
  (BIT(0, 0xc7cacead) ^ BIT(1, 0x8a79ebab) ^ BIT(2, 0x111fa1a7) ^ BIT(3, 0x223f434e) ^ \
   BIT(4, 0x447e869c) ^ BIT(5, 0x88fd0d38) ^ BIT(6, 0x14166c81) ^ BIT(7, 0x282cd902) ^ \
   BIT(8, 0x5059b204) ^ BIT(9, 0xa0b36408) ^ BIT(10, 0x448abee1) ^ BIT(11, 0x89157dc2) ^ \
   BIT(12, 0x17c68d75) ^ BIT(13, 0x2f8d1aea) ^ BIT(14, 0x5f1a35d4) ^ BIT(15, 0xbe346ba8) ^ \
   BIT(16, 0x7984a1a1) ^ BIT(17, 0xf3094342) ^ BIT(18, 0xe3fef075) ^ BIT(19, 0xc211961b) ^ \
   BIT(20, 0x81cf5ac7) ^ BIT(21, 0x0672c37f) ^ BIT(22, 0x0ce586fe) ^ BIT(23, 0x19cb0dfc) ^ \
   BIT(24, 0x33961bf8) ^ BIT(25, 0x672c37f0) ^ BIT(26, 0xce586fe0) ^ BIT(27, 0x995ca931) ^ \
   BIT(28, 0x37552493) ^ BIT(29, 0x6eaa4926) ^ BIT(30, 0xdd54924c) ^ BIT(31, 0xbf455269))
#define ADVANCE_15 \
  (BIT(0, 0x04fcdcbf) ^ BIT(1, 0x09f9b97e) ^ BIT(2, 0x13f372fc) ^ BIT(3, 0x27e6e5f8) ^ \
   BIT(4, 0x4fcdcbf0) ^ BIT(5, 0x9f9b97e0) ^ BIT(6, 0x3adb5931) ^ BIT(7, 0x75b6b262) ^ \
   BIT(8, 0xeb6d64c4) ^ BIT(9, 0xd336bf79) ^ BIT(10, 0xa3810803) ^ BIT(11, 0x42ee66f7) ^ \
   BIT(12, 0x85dccdee) ^ BIT(13, 0x0e55ed2d) ^ BIT(14, 0x1cabda5a) ^ BIT(15, 0x3957b4b4) ^ \
   BIT(16, 0x72af6968) ^ BIT(17, 0xe55ed2d0) ^ BIT(18, 0xcf51d351) ^ BIT(19, 0x9b4fd053) ^ \
   BIT(20, 0x3373d657) ^ BIT(21, 0x66e7acae) ^ BIT(22, 0xcdcf595c) ^ BIT(23, 0x9e72c449) ^ \
   BIT(24, 0x3909fe63) ^ BIT(25, 0x7213fcc6) ^ BIT(26, 0xe427f98c) ^ BIT(27, 0xcda385e9) ^ \
   BIT(28, 0x9eab7d23) ^ BIT(29, 0x38ba8cb7) ^ BIT(30, 0x7175196e) ^ BIT(31, 0xe2ea32dc))

#define STEP(k) if (m.l4_length[k:k] == 1) { r = ADVANCE_##k; }

control SctpChecksum(inout headers_t h, in metadata_t m) {
  apply {
    bit<32> change = (h.was_sctp.src ^ h.sctp.src) ++ (h.was_sctp.dst ^ h.sctp.dst);
    if (change != 0) {
      bit<32> r = change[7:0] ++ change[15:8] ++ change[23:16] ++ change[31:24];  // the first byte is the lowest
      STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
      STEP(8) STEP(9) STEP(10) STEP(11) STEP(12) STEP(13) STEP(14) STEP(15)
      h.sctp.checksum = h.sctp.checksum ^ (r[7:0] ++ r[15:8] ++ r[23:16] ++ r[31:24]);
    }
  }
}
#endif
